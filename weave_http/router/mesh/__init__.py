"""Who is a peer: connections, the protocol, and the facts that peers share."""
