"""Go's templates: the results are those of Go's own text/template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.host.template import LONGEST, TemplateError, filling, render

DATA = {
    "Version": "1.0",
    "Router": {
        "Name": "aa:bb",
        "Port": 6783,
        "Encryption": False,
        "Targets": ["h1", "h2"],
        "Empty": [],
        "Peers": [{"Name": "aa:bb", "Attrs": {"mtu": 1450}}, {"Name": "cc:dd", "Attrs": {}}],
    },
    "DNS": None,
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("plain } text", "plain } text"),
        ("{{.Version}}", "1.0"),
        ("{{ .Router.Name }}:{{.Router.Port}}", "aa:bb:6783"),
        ("{{.Router.Encryption}}", "false"),
        ("{{.Router.Targets}}", "[h1 h2]"),
        ("{{(index .Router.Peers 0).Attrs}}", "map[mtu:1450]"),
        ("{{.DNS}}", "<no value>"),
        ("{{json .Router.Targets}}", '["h1","h2"]'),
        ("{{.Router.Targets | json}}", '["h1","h2"]'),
        ("{{range .Router.Targets}}{{.}},{{end}}", "h1,h2,"),
        ("{{range .Router.Empty}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $t := .Router.Targets}}{{$i}}={{$t}} {{end}}", "0=h1 1=h2 "),
        ("{{range $t := .Router.Targets}}{{$t}}{{$.Version}}{{end}}", "h11.0h21.0"),
        ("{{range .Router.Peers}}{{.Name}} {{.Attrs.mtu}};{{end}}", "aa:bb 1450;cc:dd <no value>;"),
        ("{{range $k, $v := (index .Router.Peers 0).Attrs}}{{$k}}:{{$v}}{{end}}", "mtu:1450"),
        ("{{if .Router.Encryption}}on{{else}}off{{end}}", "off"),
        ("{{if .DNS}}dns{{else if .Router.Empty}}empty{{else}}neither{{end}}", "neither"),
        ("{{if and .Version .Router.Port}}both{{end}}", "both"),
        ("{{if or .DNS .Version}}one{{end}}{{if not .DNS}}none{{end}}", "onenone"),
        ("{{with .Router}}{{.Name}}{{end}}{{with .DNS}}x{{else}}off{{end}}", "aa:bboff"),
        ("{{len .Router.Targets}} {{len .Version}}", "2 3"),
        ("{{index .Router.Targets 1}}{{(index .Router.Peers 1).Name}}", "h2cc:dd"),
        ("{{$n := .Router.Name}}{{$n}}", "aa:bb"),
        ('{{if eq .Version "1.0"}}same{{end}}{{if ne .Router.Port 1}}!{{end}}', "same!"),
        ("{{if gt (len .Router.Peers) 1}}many{{end}}", "many"),
        ('{{printf "%s=%d %q%%" .Router.Name .Router.Port .Version}}', 'aa:bb=6783 "1.0"%'),
        ('{{print "a" `b`}}{{"\\n"}}', "a b\n"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("a\n{{- .Version -}}\nb", "a1.0b"),
        ("{{true}} {{-3}} {{1.5}}", "true -3 1.5"),
    ],
)
def test_a_template_is_filled(text: str, result: str) -> None:
    assert render(text, DATA) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{", "unclosed action"),
        ("{{.Version", "unclosed action"),
        ("{{}}", "missing value"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{if .Version}}", "{{if}} has no {{end}}"),
        ("{{range .Router.Targets}}{{else}}", "{{range}} has no {{end}}"),
        ("{{frobnicate .Version}}", "function 'frobnicate' not defined"),
        ("{{.Nope}}", "can't evaluate field Nope"),
        ("{{.Version.Major}}", "can't evaluate field Major"),
        ("{{.DNS.Domain}}", "can't evaluate field Domain"),
        ("{{$x}}", "undefined variable '$x'"),
        ("{{range .Version}}{{end}}", "range can't iterate over"),
        ("{{index .Router.Targets 7}}", "index can't take"),
        ("{{index .Router.Targets -1}}", "index can't take"),
        ("{{len 3}}", "len can't take 3"),
        ("{{(.Version}}", "unclosed parenthesis"),
        ("{{.Version)}}", "unexpected ')'"),
        ("{{.Version | .Router}}", "can't pipe into"),
        ("{{.Version .Router}}", "can't give arguments"),
        ("{{.Version | }}", "missing value"),
        ("{{ ? }}", "unexpected '?'"),
        ('{{"a}}', "unexpected"),
        ("{{" + "(" * 60 + ".Version" + ")" * 60 + "}}", "parentheses inside"),
        ("{{if .Version}}" * 60 + "{{end}}" * 60, "blocks inside"),
        ("x" * (LONGEST + 1), "longer than"),
        ("{{$t := .Router.Targets}}" + "{{range $t}}" * 20 + "x" + "{{end}}" * 20, "goes on for too long"),
    ],
)
def test_what_is_no_template_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, DATA)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


PIECES = (
    *(
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{end}}",
        "{{else}}",
        "{{range ",
        "{{if ",
        "{{with ",
        "(",
        ")",
        "|",
        ":=",
        ",",
        "=",
        ".",
    ),
    *(
        "$",
        "$x",
        ".Router",
        ".Router.Peers",
        ".Name",
        ".Nope",
        '"a"',
        "`",
        '"',
        "1",
        "-1",
        "1.5",
        " ",
        "\n",
        "x",
        "/*",
        "*/",
    ),
    *("json", "index", "len", "print", "printf", "eq", "lt", "and", "or", "not", "true", "nil", '"%d %q"'),
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map(" ".join))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        render(text, DATA)
    except TemplateError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is fine


def test_long_texts_count_for_more_even_when_nothing_of_them_is_printed() -> None:
    data = {"Long": "x" * (filling.MOST_STEPS * 64 // 2)}
    assert render("{{$x := json .}}", data) == ""
    with pytest.raises(TemplateError, match="goes on for too long"):
        render("{{$x := json .}}" * 3, data)


def test_a_result_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "LONGEST_RESULT", 100)
    with pytest.raises(TemplateError, match="too long"):
        render("{{range .Router.Targets}}" + "x" * 60 + "{{end}}", DATA)
