"""Who may be a peer: the network's password, how two routers prove it to each other, and how it is changed."""
