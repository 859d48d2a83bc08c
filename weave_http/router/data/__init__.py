"""The data plane of this host: decided from facts and time, carried out on the kernel."""
