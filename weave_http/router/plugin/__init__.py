"""The network plugin: Docker networks of the driver `weave` are this network, or ones of their own beside it.

The engine speaks libnetwork's remote protocol to it (network driver and IPAM driver, JSON over HTTP on a unix socket).
It keeps nothing in memory that it could not find again: a pool's id is the pool, an endpoint's veth is named by the
endpoint, and which networks there are is on the disk and known to the engine.
"""
