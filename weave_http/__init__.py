"""weave-http: Weave's container network, driven by plain calls to the Docker Engine API."""

__version__ = "0.1.0"
