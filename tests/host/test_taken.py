"""An address that somebody on this host has already is refused, with who that is."""

from __future__ import annotations

import json

from tests.host.stage import FakeRouter, Stage, identity

A, B = "10.2.1.1/24", "10.2.1.2/24"


def _attached(router: FakeRouter, **addresses: list[str]) -> None:
    known = {identity(name): texts for name, texts in addresses.items()}
    router.answers["GET /attachments"] = (200, json.dumps(known))


def test_the_address_of_another_container_is_refused_with_its_name(stage: Stage, router: FakeRouter) -> None:
    c1, c2 = stage.container("c1"), stage.container("c2")
    assert stage.weave("attach", A, "c1").code == 0
    _attached(router, c1=[A])
    result = stage.weave("attach", B, "10.2.1.1/16", "c2")
    hint = "choose another one, or take it from there: weave detach CIDR c1\n"
    assert (result.code, result.out, result.err) == (1, "", f"container c1 has the address 10.2.1.1 already; {hint}")
    assert (c1.addresses(), c2.links()) == ([A], [])
    assert stage.weave("attach", A, "c1").code == 0, "it is its own"


def test_an_address_is_free_when_its_container_has_ended_or_lost_it(stage: Stage, router: FakeRouter) -> None:
    stage.stopped("ended")
    stage.container("lost")
    c2 = stage.container("c2")
    _attached(router, ended=[A], lost=[B], gone=[A])
    assert stage.weave("attach", A, B, "c2").code == 0
    assert c2.addresses() == [A, B]


def test_the_address_of_the_exposed_host_is_refused(stage: Stage) -> None:
    c1 = stage.container("c1")
    stage.weave("create-bridge")
    stage.host.run(f"ip addr add {A} dev weave")
    result = stage.weave("attach", A, "c1")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("the host itself has the address 10.2.1.1; ")
    assert c1.links() == []
