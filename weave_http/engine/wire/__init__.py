"""The adapters that carry requests to an endpoint; `base` is their contract."""
