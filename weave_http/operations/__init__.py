"""What can be asked of a Docker host, as values; pure, for both sides of the wire."""
