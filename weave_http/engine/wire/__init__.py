"""How requests get to a daemon: `contract` says what a transport is.

Ours, on the standard library alone, from the bottom up::

    http1      bytes ↔ request head, response          no I/O
    tls        bytes ↔ TLS records                     no I/O
    channel    a connection that never blocks
    dial, ssh  opens channels: unix, TCP, TLS; ssh
    exchange   one request on a channel: ends as a response, or as a connection that was taken over
    pool       the transport: channels kept for the next request
    failures   what an error means, in words

The packages', for requests with an answer: `packages` has what the two share, `by_requests` is requests-unixsocket,
`by_httpx` is httpx. Which requests go which way is decided in `engine.connecting`.
"""
