"""The executor: its commands against the fake engine, in network namespaces of their own."""
