"""Imports go down the layers only, and each library has one home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "weave_http"

BELOW = {
    "__init__.py": {"commands", "operations", "run_args", "engine"},
    "cli": {"commands", "transcript", "proxy", "operations", "run_args", "engine", "image", "sandbox"},
    "commands": {"proxy", "operations", "run_args", "engine", "image"},
    "proxy": {"operations", "run_args", "engine"},
    "transcript": {"operations", "run_args", "engine"},
    "operations": {"run_args"},
    "local": {"host", "operations"},
    "host": {"proxy.listening", "proxy.settings", "operations", "run_args", "engine", "net"},
    "router": {"proxy", "operations", "host", "engine", "net"},
    "run_args": set(),
    "engine": set(),
    "net": set(),
    "image": set(),
    "sandbox": set(),
}
"""What each part may import beside itself and the modules at the top of the package."""

TOP = {
    "addresses",
    "atomic",
    "closed_behind",
    "closing",
    "constants",
    "docker_config",
    "errors",
    "hints",
    "importing",
    "lazy",
    "platform_needed",
    "printable",
    "records",
    "signals",
    "sinks",
}

HOMES = {
    "typer": ("cli",),
    "h11": ("proxy",),
    "rich": ("cli",),
    "httpx": ("engine/wire/by_httpx.py", "image/download.py"),
    "requests": ("engine/wire/by_requests.py",),
    "requests_unixsocket": ("engine/wire/by_requests.py",),
    "urllib3": ("engine/wire/by_requests.py",),
    "pyroute2": ("net",),
    "aiohttp": ("router",),
    "msgpack": ("router",),
    "prometheus_client": ("router/control/metrics.py",),
    "dnslib": ("router/names", "host/dns_query.py"),
    "cryptography": ("sandbox", "router"),
    "spake2": ("router/secrecy",),
}


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down_the_layers_only(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0]
    if part == "__main__.py":
        return
    for name in imports(path):
        package, _, inner = name.partition(".")
        if package != "weave_http" or inner == "__version__":
            continue
        target = inner.split(".")[0]
        if target in TOP or target == part:
            continue
        allowed = BELOW.get(part, set())
        assert any(inner == below or inner.startswith(below + ".") for below in allowed), f"{part} imports {inner}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_one_home(path: Path) -> None:
    relative = name_of(path)
    for name in imports(path):
        homes = HOMES.get(name.partition(".")[0], (relative,))
        assert any(relative == home or relative.startswith(home + "/") for home in homes), f"{relative} imports {name}"


def test_rooms_of_the_router_import_each_other_in_one_direction() -> None:
    rooms = sorted(path.name for path in (PACKAGE / "router").iterdir() if (path / "__init__.py").exists())
    below = {
        room: {
            inner.split(".")[2]
            for path in (PACKAGE / "router" / room).rglob("*.py")
            for inner in imports(path)
            if inner.startswith("weave_http.router.") and inner.split(".")[2] in rooms
        }
        - {room}
        for room in rooms
    }
    assert below["mesh"] <= {"data"}
    while below:
        bottom = {room for room, imported in below.items() if not imported & set(below)}
        assert bottom, f"a circle: {below}"
        below = {room: imported for room, imported in below.items() if room not in bottom}
