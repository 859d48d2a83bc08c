"""Files over HTTPS: what the environment says that can't be used."""

from __future__ import annotations

import pytest

from weave_http.errors import WeaveError
from weave_http.image.download import open_download


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "SSL_CERT_FILE",
            "/nowhere",
            "the certificates that SSL_CERT_FILE names can't be used: No such file or directory",
        ),
        ("SSL_CERT_FILE", "/etc/passwd", "the certificates that SSL_CERT_FILE names can't be used: "),
        ("https_proxy", "foo://me:secret@host", "the proxy that https_proxy names can't be used"),
        ("HTTPS_PROXY", "http://me:se:cret", "the proxy that HTTPS_PROXY names can't be used"),
        ("all_proxy", "socks5://me:secret@host:1080", "the proxy that all_proxy names can't be used"),
    ],
)
def test_environment_that_can_not_be_used_is_one_line_without_secrets(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.upper(), raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(WeaveError) as caught, open_download():
        pass
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
