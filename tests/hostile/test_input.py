"""Every tool with input that nobody should send: an answer or an error of ours, and no request that leaves its path."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, ToolSpec, load
from ci_mcp.errors import CiError
from ci_mcp.sandbox.serve import Service, service_names

pytestmark = pytest.mark.anyio

TOOLS = [spec for spec in load().tools.values() if spec.provider in {TRIAGE, *service_names()}]
NAMED = pytest.mark.parametrize("spec", TOOLS, ids=[spec.name for spec in TOOLS])
NASTY = [
    "../../admin?injected=1",
    "..",
    ".",
    "",
    "a/../../b",
    "/etc/passwd",
    "//injected.example/x",
    "https://injected.example/acme/shop/builds/1",
    "x?injected=1&y=2",
    "x#injected=1",
    "x;injected=1",
    "%2e%2e%2f%2e%2e%2fadmin",
    "%00",
    "x\r\nX-Injected: 1\r\n\r\n",
    "\x00",
    "x\ny",
    "-rf",
    "--help",
    "*",
    "' OR 1=1 --",
    "{{7*7}}",
    "${HOME}",
    "\u202eabc\u2066",
    "\ud800",
    "\U000e0041",
    "é漢字🙂",
    "x" * 1_000_000,
    "shop@" + "@" * 50,
    "(" * 500,
    "1e999",
]


def check_requests(seen: list[str], heads: list[str]) -> None:
    """No request line holds a step up, an empty step, or a parameter of the input's own making."""
    for line in seen:
        method, target, _ = line.split(" ")
        steps = urlsplit(target).path.split("/")[1:]
        assert not {".", ".."} & set(steps), line
        assert "" not in steps[:-1], line
        assert "injected=1" not in target, line
        assert method.isalpha()
    assert not [head for head in heads if "\r\nx-injected:" in head.lower()]


async def ask(spec: ToolSpec, arguments: dict[str, Any], services: Any, proxy: Any) -> None:
    """One call: whatever comes back is an answer that can be sent on, or an error of ours in one line."""
    try:
        answer = await call(services, spec.name, arguments, deadline=5.0)
        json.dumps(answer.data).encode()
        answer.text.encode()
        assert 40_000 >= len(answer.text)
    except CiError as error:
        said = str(error)
        assert "Traceback" not in said
        assert "\n" not in said
        assert 2_000 >= len(said)
        said.encode()
    check_requests(proxy.seen, proxy.heads)


def texts(spec: ToolSpec) -> Iterator[str]:
    """The parameters that are texts."""
    return (name for name, said in spec.input_schema["properties"].items() if said["type"] == "string")


@NAMED
async def test_a_nasty_text_in_any_parameter_is_refused_or_sent_as_one_value(  # noqa: PLR0913, PLR0917 - fixtures
    spec: ToolSpec,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    hostile: int,
    untouched: Any,
    tally: Any,
) -> None:
    """Never another path, query or header than the tool's own, and never a crash."""
    name = spec.provider if spec.provider in sandbox else "semaphore"
    every = max(1, 4 // hostile)
    async with proxied(sandbox[name], untouched) as (service, proxy), services_of(service) as services:
        for number, parameter in enumerate(texts(spec)):
            for nasty in NASTY[number % every :: every]:
                tally("inputs tried", 1)
                await ask(spec, calls[spec.name] | {parameter: nasty}, services, proxy)


def value_of(said: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a parameter's schema allows: the contract keeps schemas so plain that this is all."""
    if "enum" in said:
        return st.sampled_from(said["enum"])
    kind, least, most = said["type"], said.get("minimum"), said.get("maximum")
    if kind == "string":
        free = st.text(min_size=said.get("minLength", 0), max_size=min(60, said.get("maxLength", 60)))
        return st.from_regex(said["pattern"], fullmatch=True) if "pattern" in said else free
    if kind == "integer":
        return st.integers(least, most)
    if kind == "number":
        return st.floats(least, most, allow_nan=False)
    if kind == "array":
        return st.lists(value_of(said["items"]), max_size=min(5, said.get("maxItems", 5)))
    return st.booleans()


def arguments_of(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What a tool's input schema allows, with and without what may be left out."""
    values = {name: value_of(said) for name, said in schema["properties"].items()}
    needed = {name: values.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=values)


@NAMED
@settings(max_examples=4, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
async def test_whatever_the_schema_allows_is_no_crash(  # noqa: PLR0913, PLR0917 - fixtures
    data: st.DataObject,
    spec: ToolSpec,
    sandbox: dict[str, Service],
    proxied: Any,
    services_of: Any,
    untouched: Any,
    tally: Any,
) -> None:
    """Made from the tool's own input schema."""
    arguments = data.draw(arguments_of(spec.input_schema))
    name = spec.provider if spec.provider in sandbox else "semaphore"
    async with proxied(sandbox[name], untouched) as (service, proxy), services_of(service) as services:
        tally("inputs tried", 1)
        await ask(spec, arguments, services, proxy)


@NAMED
@pytest.mark.parametrize("odd", [None, 7, -1, 1e400, True, [], ["x"], {}, {"a": 1}, [[[]]], float("nan")])
async def test_a_value_of_another_type_is_refused(  # noqa: PLR0913, PLR0917 - fixtures
    spec: ToolSpec, odd: object, sandbox: dict[str, Service], calls: Any, services_of: Any, tally: Any
) -> None:
    """In every parameter at once, and as a parameter that is not there."""
    name = spec.provider if spec.provider in sandbox else "semaphore"
    async with services_of(sandbox[name]) as services:
        for arguments in (dict.fromkeys(spec.input_schema["properties"], odd), calls[spec.name] | {"nothing": odd}):
            tally("inputs tried", 1)
            with suppress(CiError):
                await call(services, spec.name, arguments, deadline=5.0)
