"""A member goes into a JSON file and out again, and no other byte changes."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_mcp.agents import jsonc

VALUE = {"command": "ci-mcp", "args": ["serve"], "env": {"A": "${env:A}"}}
LINE = '{"command": "ci-mcp", "args": ["serve"], "env": {"A": "${env:A}"}}'

# Before and after, with the root "m" and the key "ci".
TABLE = {
    "empty file": ("", f'{{ "m": {{ "ci": {LINE} }} }}'),
    "blank file": ("\n\n", f'{{ "m": {{ "ci": {LINE} }} }}\n\n'),
    "only a comment": ("// mine\n", f'{{ "m": {{ "ci": {LINE} }} }}// mine\n'),
    "byte order mark alone": ("\ufeff", f'\ufeff{{ "m": {{ "ci": {LINE} }} }}'),
    "empty object": ("{}", f'{{"m": {{ "ci": {LINE} }}}}'),
    "empty object over two lines": ("{\n}\n", f'{{"m": {{ "ci": {LINE} }}\n}}\n'),
    "empty container": ('{"m": {}}', f'{{"m": {{"ci": {LINE}}}}}'),
    "container with a comment": ('{"m": { /* none */ }}', f'{{"m": {{"ci": {LINE} /* none */ }}}}'),
    "other servers on one line": ('{"m": {"a": 1}}', f'{{"m": {{"ci": {LINE}, "a": 1}}}}'),
    "hidden container": ('{"m": {"a": 1}, "m": {"b": 2}}', f'{{"m": {{"a": 1}}, "m": {{"ci": {LINE}, "b": 2}}}}'),
    "other servers": (
        '{\n  "m": {\n    "a": 1\n  }\n}\n',
        '{\n  "m": {\n    "ci": {\n      "command": "ci-mcp",\n      "args": ["serve"],\n      "env": {\n        "A": "${env:A}"\n      }\n    },\n    "a": 1\n  }\n}\n',
    ),
    "tabs, CRLF, comments, a trailing comma": (
        '\ufeff{\r\n\t"m": { // servers\r\n\t\t// the first\r\n\t\t"a": 1, // one\r\n\t},\r\n}\r\n',
        '\ufeff{\r\n\t"m": { // servers\r\n\t\t"ci": {\r\n\t\t\t"command": "ci-mcp",\r\n\t\t\t"args": ["serve"],\r\n\t\t\t"env": {\r\n\t\t\t\t"A": "${env:A}"\r\n\t\t\t}\r\n\t\t},\r\n\t\t// the first\r\n\t\t"a": 1, // one\r\n\t},\r\n}\r\n',
    ),
    "other settings": (
        '{\n  "x": {"m": 1}, // "m"\n  "y": "}"\n}',
        '{\n  "m": {\n    "ci": {\n      "command": "ci-mcp",\n      "args": ["serve"],\n      "env": {\n        "A": "${env:A}"\n      }\n    }\n  },\n  "x": {"m": 1}, // "m"\n  "y": "}"\n}',
    ),
}


@pytest.mark.parametrize(("before", "after"), TABLE.values(), ids=TABLE)
def test_it_goes_in_where_it_belongs_and_out_again(before: str, after: str) -> None:
    """Each form of a file, and the first text back."""
    assert after == jsonc.put(before, "m", "ci", VALUE)
    assert VALUE == jsonc.read(after, "m", "ci")
    assert before == jsonc.take(after, "m", "ci")


def test_a_file_that_is_not_there_is_made_and_goes_again() -> None:
    """What we made alone holds nothing of a person."""
    made = jsonc.put(None, "m", "ci", {"command": "ci-mcp"})
    assert '{\n  "m": {\n    "ci": {\n      "command": "ci-mcp"\n    }\n  }\n}\n' == made
    assert jsonc.take(made, "m", "ci") is None
    assert jsonc.take(made.rstrip(), "m", "ci") is None


def test_an_older_form_is_replaced_in_its_place() -> None:
    """On one line or over several, as it was."""
    assert f'{{"m": {{"a": 1, "ci": {LINE}, "b": 2}}}}' == jsonc.put(
        '{"m": {"a": 1, "ci": {}, "b": 2}}', "m", "ci", VALUE
    )
    over_lines = '{\n "m": {\n  "a": 1,\n  "ci": {\n   "command": "old"\n  }\n }\n}'
    assert '{\n "m": {\n  "a": 1,\n  "ci": {\n   "command": "new"\n  }\n }\n}' == jsonc.put(
        over_lines, "m", "ci", {"command": "new"}
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"m": {"a": 1, "ci": 2, "b": 3}}', '{"m": {"a": 1, "b": 3}}'),
        ('{"m": {"a": 1, "ci": 2}}', '{"m": {"a": 1}}'),
        ('{"m": {"a": 1, "ci": 2,}}', '{"m": {"a": 1,}}'),
        ('{"m": {"a": 1, /* why */ "ci": 2}}', '{"m": {"a": 1 /* why */ }}'),
        ('{"m": {\n  "a": 1, // one\n  "ci": 2\n}}', '{"m": {\n  "a": 1 // one\n  \n}}'),
        ('{"m": {\n  "a": 1, // one\n  "ci": 2,\n  "b": 3\n}}', '{"m": {\n  "a": 1, // one\n  "b": 3\n}}'),
        ('{"m": { // one\n  "ci": 2, "b": 3\n}}', '{"m": { // one\n   "b": 3\n}}'),
        ('{"m": { // one\n  "ci": 2 }}', '{"m": { // one\n   }}'),
        ('{"m": {"ci": 2,}}', '{"m": {}}'),
        ('{"m": {"ci": 1, "ci": 2}}', '{"m": {}}'),
        ('{"m": {"ci": 1}, "m": {"ci": 2}}', '{"m": {}, "m": {}}'),
        ('{"a": 0, "m": { "ci": 2 }}', '{"a": 0}'),
        ("{}", "{}"),
        ("", ""),
        ('{"m": 0, "m": {}}', '{"m": 0, "m": {}}'),
    ],
)
def test_it_goes_from_wherever_a_person_moved_it(before: str, after: str) -> None:
    """With its comma, and without a comment of another."""
    assert after == jsonc.take(before, "m", "ci")
    jsonc.parse(after)


BROKEN = {
    "{": "it is not JSON in line 1",
    '{\n"a" 1}': "it is not JSON in line 2",
    '{"a": 1 "b": 2}': "it is not JSON in line 1",
    "[1 2]": "it is not JSON in line 1",
    "[1,": "it is not JSON in line 1",
    '{"a": }': "it is not JSON in line 1",
    '{"a": nil}': "it is not JSON in line 1",
    '{"a": NaN}': "it is not JSON in line 1",
    '{"a": "\n"}': "it is not JSON in line 1",
    '{"a": "\\x"}': "it is not JSON in line 1",
    '{"\\x": 1}': "it is not JSON in line 1",
    "{} {}": "it is not JSON in line 1",
    "{,}": "it is not JSON in line 1",
    "/* ": "it is not JSON in line 1",
    "[]": "it holds no object",
    "null": "it holds no object",
    '{"m": []}': 'its "m" is no object',
    '{"m": {}, "m": null}': 'its "m" is no object',
    "[" * 100_000: "it is nested too deeply",
}


@pytest.mark.parametrize(("text", "why"), BROKEN.items(), ids=range(len(BROKEN)))
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    """In words that say where."""
    for call in (lambda: jsonc.put(text, "m", "ci", VALUE), lambda: jsonc.take(text, "m", "ci")):
        with pytest.raises(jsonc.NotJsonError) as caught:
            call()
        assert why == str(caught.value)


def test_comments_and_commas_are_no_part_of_a_value() -> None:
    """Wherever they stand."""
    text = '/* a */ { // b\n "k" /* c */ : /* d */ [ 1 , "//" /* , 2 */ , ] , } // e'
    node = jsonc.parse(text)
    assert node is not None
    assert {"k": [1, "//"]} == node.value


GAPS = st.sampled_from(
    ["", " ", "\n", "\r\n", "\t", "\n  ", "\r", " // x\n", "/* , } */", '// é "\r\n\t', "/**/", "\n\n    "]
)
KEYS = st.sampled_from(["m", "a", "ci ", "\\u006d", "", "é"])
SCALARS = st.sampled_from(["1", "-0.5e3", "true", "null", '"ci"', '"// { \\" }"', '"\\ud83d\\ude00"', '"m"'])


@st.composite
def _object(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    parts = draw(st.lists(st.tuples(GAPS, KEYS, GAPS, GAPS, values, GAPS), max_size=3))
    body = ",".join(f'{a}"{key}"{b}:{c}{value}{d}' for a, key, b, c, value, d in parts)
    return "{" + body + ("," if parts and draw(st.booleans()) else "") + draw(GAPS) + "}"


def _array(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.lists(values, max_size=2), GAPS).map(lambda parts: f"[{','.join(parts[0])}{parts[1]}]")


VALUES = st.recursive(SCALARS, lambda inner: _object(inner) | _array(inner), max_leaves=6)
DOCUMENTS = st.tuples(st.sampled_from(["", "\ufeff"]), GAPS, _object(_object(VALUES) | VALUES) | st.just(""), GAPS).map(
    "".join
)
OURS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.text(max_size=3),
    st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2) | st.just({"A": "$A"}),
    max_size=3,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=DOCUMENTS, ours=OURS)
def test_any_document_comes_back_byte_for_byte(text: str, ours: dict[str, Any]) -> None:
    """In, in again, brought up to date, out: the first text; and in between every other value as it was."""
    try:
        before = jsonc.parse(text)
        new = jsonc.put(text, "m", "ci", ours)
    except jsonc.NotJsonError:
        return
    after = jsonc.parse(new)
    assert after is not None
    expected = json.loads(json.dumps(before.value if before else {}))
    expected.setdefault("m", {})["ci"] = ours
    assert expected == after.value
    assert new == jsonc.put(new, "m", "ci", ours)
    assert text == jsonc.take(new, "m", "ci")
    changed = jsonc.put(new, "m", "ci", {**ours, "more": {"x": 1}})
    assert text == jsonc.take(changed, "m", "ci")


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet='{}[]",:/*\\n1 \n\ufeffm', max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Nothing else is raised."""
    try:
        new = jsonc.put(text, "m", "ci", VALUE)
    except jsonc.NotJsonError:
        return
    assert text == jsonc.take(new, "m", "ci")
