"""Commands that some version of Weave has and this one has not: what there is instead."""

from __future__ import annotations

_ONE_LAUNCH = "expected: weave launch, which starts all there is"
_ONE_STOP = "expected: weave stop, which stops all there is"
_NO_PROXY = "there is no Docker API proxy; start containers by `weave run`"
_NO_PLUGIN = "there is no Docker plugin; start containers by `weave run`"

GONE = {
    "launch-router": _ONE_LAUNCH,
    "stop-router": _ONE_STOP,
    "launch-proxy": _NO_PROXY,
    "stop-proxy": _NO_PROXY,
    "proxy-args": _NO_PROXY,
    "launch-plugin": _NO_PLUGIN,
    "stop-plugin": _NO_PLUGIN,
    "setup-cni": "there is no CNI plugin",
    "attach-bridge": "the router makes the bridge and connects it by itself: weave launch",
    "attach-router": "the router connects itself: weave launch",
    "test-launch": _ONE_LAUNCH,
}
"""Command, and what to do instead."""
