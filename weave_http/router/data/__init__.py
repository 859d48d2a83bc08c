"""The data plane of this host: decided from the router's own connections and the time, carried out on the kernel."""
