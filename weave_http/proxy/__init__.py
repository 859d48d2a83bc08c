"""The Docker API proxy: an Engine API that plain docker clients use, and whose containers join the network.

One core with two homes: in the router, on a socket of the Docker host, and at the caller, before a daemon that is
anywhere. Four kinds of calls are looked at (`routes`): create, start or restart, exec-create, inspect. All others pass
byte for byte (`connection`); where their messages end is h11's matter (`messages`).
"""
