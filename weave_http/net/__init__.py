"""The kernel's side: links, addresses, routes, namespaces and rules, over netlink where netlink has a say.

The only importer of pyroute2. The executor and the router both stand on it; each operation converges.
"""
