"""What the router says and is told on its host: the HTTP API and the status."""
