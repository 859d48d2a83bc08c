"""What `run` makes of a create body: the waiter before the program, a name, a resolver."""

from typing import Any

import pytest

from weave_http.operations.create_body import Names, behind_waiter, named
from weave_http.run_args import RunArgumentError


@pytest.mark.parametrize(
    ("config", "image", "entrypoint", "command"),
    [
        ({}, {"Cmd": ["sh"]}, [], ["sh"]),
        ({}, {"Entrypoint": ["run"], "Cmd": ["-x"]}, ["run"], ["-x"]),
        ({"Cmd": ["-y"]}, {"Entrypoint": ["run"], "Cmd": ["-x"]}, ["run"], ["-y"]),
        ({"Cmd": ["ls"]}, {}, [], ["ls"]),
        ({"Entrypoint": ["own"]}, {"Entrypoint": ["run"], "Cmd": ["-x"]}, ["own"], None),
        ({"Entrypoint": ["own"], "Cmd": ["-y"]}, {"Entrypoint": ["run"], "Cmd": ["-x"]}, ["own"], ["-y"]),
        ({"Entrypoint": [""], "Cmd": ["ls"]}, {"Entrypoint": ["run"], "Cmd": ["-x"]}, [], ["ls"]),
        ({}, {"Entrypoint": [""], "Cmd": ["sh"]}, [], ["sh"]),
        ({}, {"Entrypoint": None, "Cmd": ["sh"], "Volumes": {"/w": {}}}, [], ["sh"]),
    ],
)
def test_entrypoint_and_command_stay_what_they_were(
    config: dict[str, object], image: dict[str, object], entrypoint: list[str], command: list[str] | None
) -> None:
    made = behind_waiter(config, {"Config": image}, "volumes")
    assert made["Entrypoint"] == ["/w/w", *entrypoint]
    assert made.get("Cmd") == command
    assert made["HostConfig"]["VolumesFrom"] == ["volumes:ro"]


def test_an_image_made_of_such_a_container_gets_it_once() -> None:
    made = behind_waiter({}, {"Config": {"Entrypoint": ["/w/w", "run"], "Cmd": ["-x"]}}, "volumes")
    assert (made["Entrypoint"], made["Cmd"]) == (["/w/w", "run"], ["-x"])


@pytest.mark.parametrize("image", [{}, {"Config": None}, {"Config": {"Entrypoint": [], "Cmd": None}}])
def test_no_program_is_dockers_error(image: dict[str, object]) -> None:
    with pytest.raises(RunArgumentError, match="no command specified") as caught:
        behind_waiter({}, image, "volumes")
    assert caught.value.exit_code == 125


def test_a_reset_entrypoint_without_a_command_is_no_program() -> None:
    with pytest.raises(RunArgumentError, match="no command specified"):
        behind_waiter({"Entrypoint": [""]}, {"Config": {"Cmd": ["sh"]}}, "volumes")


def test_what_else_is_asked_for_stays_and_nothing_is_changed_in_place() -> None:
    config = {"Cmd": ["sh"], "HostConfig": {"VolumesFrom": ["other"], "Dns": ["10.0.0.1"]}}
    made = behind_waiter(config, {}, "volumes")
    assert made["HostConfig"] == {"VolumesFrom": ["other", "volumes:ro"], "Dns": ["10.0.0.1"]}
    assert config["HostConfig"] == {"VolumesFrom": ["other"], "Dns": ["10.0.0.1"]}


@pytest.mark.parametrize(
    "config",
    [
        {"Volumes": {"/w": {}}},
        {"HostConfig": {"Binds": ["/srv:/w/:ro"]}},
        {"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/w"}]}},
        {"HostConfig": {"Tmpfs": {"/w": ""}}},
    ],
)
def test_something_else_at_its_place_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(RunArgumentError, match=r"mounts something at /w; .*--no-wait"):
        behind_waiter({"Cmd": ["sh"], **config}, {}, "volumes")


OPTIONS = ("--dns=172.17.0.1", "--dns-search=weave.local.")


@pytest.mark.parametrize(
    ("config", "name", "options", "expected"),
    [
        ({}, "web", OPTIONS, ("web.weave.local", ["172.17.0.1"], ["weave.local."])),
        ({}, "", OPTIONS, (None, ["172.17.0.1"], ["weave.local."])),
        ({"Hostname": "box"}, "web", OPTIONS, ("box", ["172.17.0.1"], ["weave.local."])),
        ({"Hostname": "a.example.com"}, "web", OPTIONS, ("a.example.com", ["172.17.0.1"], ["."])),
        ({"HostConfig": {"Dns": ["192.0.2.1"]}}, "web", OPTIONS, (None, ["192.0.2.1"], None)),
        ({"HostConfig": {"DnsSearch": ["x.y"]}}, "web", OPTIONS, ("web.weave.local", ["172.17.0.1"], ["x.y"])),
        ({}, "w" * 60, OPTIONS, (None, ["172.17.0.1"], ["weave.local."])),
        ({}, "web", OPTIONS[:1], (None, ["172.17.0.1"], ["."])),
        ({}, "web", (), (None, None, None)),
    ],
)
def test_a_container_has_its_name_on_the_network_and_what_it_says_itself_stays(
    config: dict[str, Any], name: str, options: tuple[str, ...], expected: tuple[Any, ...]
) -> None:
    body = named(config, name, Names.of(options))
    host = body.get("HostConfig", {})
    assert (body.get("Hostname"), host.get("Dns"), host.get("DnsSearch")) == expected
