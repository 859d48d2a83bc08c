"""What becomes of the container while it runs and when it ends: health, restarts, logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weave_http.run_args import scalars
from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue, RunArgumentError

HEALTH = {
    "health-interval": "Interval",
    "health-timeout": "Timeout",
    "health-start-period": "StartPeriod",
    "health-start-interval": "StartInterval",
    "health-retries": "Retries",
}
_SHELL = "CMD-SHELL"
_NO_CHECK = ["NONE"]
_NO_RESTART = ("", "no")


def not_negative(value: int) -> int:
    """Return a number that is not negative."""
    if value < 0:
        raise BadValue("it can't be negative")
    return value


def build_health(draft: Draft) -> None:
    """Set `Healthcheck`; what is zero is inherited from the image."""
    check: dict[str, Any] = {key: draft.given[name] for name, key in HEALTH.items() if draft.given.get(name)}
    if draft.given.get("health-cmd"):
        check["Test"] = [_SHELL, draft.given["health-cmd"]]
    if draft.given.get("no-healthcheck"):
        if check:
            raise RunArgumentError("--no-healthcheck and the --health-… options exclude each other")
        check["Test"] = list(_NO_CHECK)
    if check:
        draft.config["Healthcheck"] = check


def health_command(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the command that checks."""
    test = (body.get("Healthcheck") or {}).get("Test") or []
    if test[:1] == [_SHELL]:
        yield from test[1:]


def no_health(body: Mapping[str, Any]) -> list[str]:
    """Tell whether checks are off."""
    return ["true"] if (body.get("Healthcheck") or {}).get("Test") == _NO_CHECK else []


def restart(text: str) -> dict[str, Any]:
    """Return the policy of `name[:retries]`; which names there are is the daemon's to say."""
    name, colon, count = text.partition(":")
    if colon and not name:
        raise BadValue("expected name[:retries]")
    return {"Name": name, "MaximumRetryCount": scalars.decimal_integer(count) if count else 0}


def build_restart(draft: Draft) -> None:
    """Set `RestartPolicy` and `AutoRemove`, which exclude each other."""
    policy = draft.given.get("restart") or {"Name": ""}
    if draft.given.get("rm"):
        if policy["Name"] not in _NO_RESTART:
            raise RunArgumentError("--rm and --restart exclude each other")
        draft.host["AutoRemove"] = True
    if policy["Name"]:
        draft.host["RestartPolicy"] = policy


def restarts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the policy as `--restart` takes it."""
    policy = (body.get("HostConfig") or {}).get("RestartPolicy") or {}
    count = policy.get("MaximumRetryCount")
    if policy.get("Name"):
        yield f"{policy['Name']}:{count}" if count else policy["Name"]


def build_logs(draft: Draft) -> None:
    """Set `LogConfig`."""
    driver, options = draft.given.get("log-driver", ""), draft.given.get("log-opt", {})
    if driver == "none" and options:
        raise RunArgumentError("--log-opt: the log driver none takes no options")
    if driver or options:
        draft.host["LogConfig"] = {
            **({"Type": driver} if driver else {}),
            **({"Config": options} if options else {}),
        }


def log_options(body: Mapping[str, Any]) -> Iterable[str]:
    """Yield options as `--log-opt` takes them."""
    config = ((body.get("HostConfig") or {}).get("LogConfig") or {}).get("Config") or {}
    return [f"{key}={value}" for key, value in config.items()]
