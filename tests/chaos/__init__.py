"""Docker hosts whose links, routers, engines and machines fail while several callers move containers about.

`schedule` says what is done, from a seed alone; `player` does it on hosts of `weave sandbox`; `look` says what is on a
host, asked of its kernel, engine and router; `judge` says what of that is wrong. `make chaos` plays for minutes.
"""
