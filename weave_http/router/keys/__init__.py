"""The keys of tunnels: what peers tell each other of theirs, and which tunnels follow from that."""
