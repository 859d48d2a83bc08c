"""Ids, names and image references on their way into a route."""

from __future__ import annotations

import pytest

from weave_http.engine.errors import InvalidReference
from weave_http.engine.reference import image_path, segment, split_image

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("reference", "name", "tag"),
    [
        ("busybox", "busybox", "latest"),
        ("busybox:1.36", "busybox", "1.36"),
        ("library/busybox", "library/busybox", "latest"),
        ("localhost:5000/x", "localhost:5000/x", "latest"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b", "c"),
        (f"busybox@{DIGEST}", "busybox", DIGEST),
        (f"h:1/busybox:1@{DIGEST}", "h:1/busybox", DIGEST),
    ],
)
def test_an_image_reference_is_split_into_name_and_tag(reference: str, name: str, tag: str) -> None:
    assert split_image(reference) == (name, tag)


@pytest.mark.parametrize("reference", ["", "  ", "x:", ":x", "/x", "a/", "a@", "a@b", "a b", "a\n", "@sha256:0", "."])
def test_what_is_no_image_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidReference):
        split_image(reference)


@pytest.mark.parametrize(
    ("reference", "path"), [("a/b:c", "a/b:c"), (f"a@{DIGEST}", f"a@{DIGEST}"), ("[fd00::1]:5/a", "%5Bfd00::1%5D:5/a")]
)
def test_an_image_in_a_path_keeps_its_slashes(reference: str, path: str) -> None:
    assert image_path(reference) == path


@pytest.mark.parametrize("reference", ["", " ", "a//b", "../x", "a/./b", "/a", "a b?#%", "a\nb"])
def test_an_image_that_would_change_the_path_is_refused(reference: str) -> None:
    with pytest.raises(InvalidReference):
        image_path(reference)


def test_a_name_is_one_segment_and_anything_else_is_refused() -> None:
    assert segment("a_b.c-1", "container") == "a_b.c-1"
    for name in ("a/b c?", "..", ".a", "é"):
        with pytest.raises(InvalidReference):
            segment(name, "container")


@pytest.mark.parametrize("reference", ["", " \n", ".", ".."])
def test_an_empty_name_is_refused_with_its_kind(reference: str) -> None:
    with pytest.raises(InvalidReference, match="volume"):
        segment(reference, "volume")
