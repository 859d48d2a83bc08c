"""Names: who answers DNS queries, and how all hosts come to know the same names.

`register`, `zone` and `gossip` are pure: what a peer says, what all say, and who has to be told what. `answers` makes a
reply of a query; `server` and `upstream` are the sockets around it, and `service` is the whole as the router has it.
"""
