"""What every tool owes, whichever provider it belongs to, and what the catalog owes the code."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.cli import generate
from ci_mcp.core import catalog, schema
from ci_mcp.core.catalog import TRIAGE, ToolSpec

VERBS = {"list", "search", "describe", "run", "rerun", "cancel", "validate", "approve", "create", "update"}
RELATIONS = {"logs", "environment", "flaky", "summary"}
TOOLS = list(catalog.load().tools.values())
NAMED = pytest.mark.parametrize("spec", TOOLS, ids=[spec.name for spec in TOOLS])
BY_PROVIDER = pytest.mark.parametrize("name", catalog.provider_names())


def parts(value: Any) -> list[Any]:
    """Every value inside a schema."""
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(part for one in inside for part in parts(one))]


def seen(spec: ToolSpec) -> str:
    """A tool as the model sees it."""
    shown = {"name": spec.name, "description": spec.description, "inputSchema": spec.input_schema}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def test_the_contract_sees_every_tool() -> None:
    """As many tools are tested as the modules declare: a registry that lost one would show here."""
    declared = sum(len(catalog.find(name).tools) for name in [TRIAGE, *catalog.provider_names()])
    assert declared == len(TOOLS)


def test_the_committed_catalog_is_what_the_code_declares() -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    assert generate.tools_file(schema.build()) == Path(catalog.TOOLS_FILE).read_text(encoding="utf-8")


def test_the_readme_lists_the_services_as_they_are(pytestconfig: pytest.Config) -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    readme = (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")
    assert generate.between(readme, generate.SERVICES, generate.services_table(schema.build())) == readme


def test_the_readme_lists_the_tools_as_they_are(pytestconfig: pytest.Config) -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    readme = (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")
    assert generate.between(readme, generate.TOOLS, generate.tools_table(schema.build())) == readme


@NAMED
def test_a_description_says_in_few_words_what_comes_back(spec: ToolSpec) -> None:
    """At most 30 words, starting with a capital, ending with a full stop."""
    assert 30 >= len(spec.description.split())
    assert re.match(r"[A-Z].*\.$", spec.description)


@NAMED
def test_every_parameter_is_described_and_bounded(spec: ToolSpec) -> None:
    """At most 8 words each; texts have a length, a pattern or choices, numbers have bounds."""
    for name, value in spec.input_schema["properties"].items():
        assert 1 <= len(value["description"].split()) <= 8, name
        if value["type"] == "string":
            assert {"maxLength", "pattern", "enum"} & set(value), name
        if value["type"] in {"integer", "number"}:
            assert "minimum" in value, name


@NAMED
def test_a_schema_holds_nothing_a_model_stumbles_over(spec: ToolSpec) -> None:
    """No unions, no titles, no nulls, no references."""
    for part in parts(spec.input_schema):
        if isinstance(part, dict) and part is not spec.input_schema["properties"]:
            assert not {"anyOf", "oneOf", "title", "$ref"} & set(part)
            assert "null" != part.get("type")


@NAMED
def test_a_name_is_provider_noun_verb(spec: ToolSpec) -> None:
    """The last word comes from the list; the whole is at most 48 characters."""
    assert 48 >= len(spec.name)
    assert spec.name.startswith(f"{spec.provider}_")
    noun, last = spec.words
    if spec.provider != TRIAGE:
        assert last in VERBS | RELATIONS
        assert re.fullmatch(r"[a-z]+s", noun)


@NAMED
def test_hints_are_told_truthfully(spec: ToolSpec) -> None:
    """What reads changes nothing; what cancels is destructive; what runs again starts something."""
    verb = spec.words[1]
    assert spec.read_only == (verb not in {"run", "rerun", "cancel", "approve", "create", "update"})
    assert spec.destructive == (verb == "cancel")
    assert spec.starts == (verb in {"run", "rerun"})


@NAMED
def test_a_tool_costs_the_model_little(spec: ToolSpec) -> None:
    """None over 260 tokens, as compact JSON, characters / 4."""
    assert 260 * 4 >= len(seen(spec))


@NAMED
def test_a_docstring_names_its_route_or_what_it_raises(spec: ToolSpec) -> None:
    """A maintainer can find the vendor's page from the tool."""
    doc = inspect.getdoc(catalog.find(spec.provider).tools[spec.name].function) or ""
    assert spec.name == "ci_echo" or re.search(r"^(Routes?|Raises|From):", doc, re.MULTILINE)


def test_the_whole_catalog_costs_at_most_130_tokens_a_tool() -> None:
    """On average, over all toolsets."""
    costs = [len(seen(spec)) / 4 for spec in TOOLS]
    assert 130 >= sum(costs) / len(costs)


@BY_PROVIDER
def test_a_provider_marks_at_most_eight_tools_as_core(name: str) -> None:
    """The core toolset stays small however many providers are configured."""
    assert 1 <= sum(spec.core for spec in catalog.load().of(name)) <= 8


@BY_PROVIDER
def test_a_provider_with_the_ci_tools_costs_at_most_2500_tokens(name: str) -> None:
    """What one configured provider puts into every conversation."""
    core = [spec for spec in TOOLS if spec.core and spec.provider in {TRIAGE, name}]
    assert 2_500 * 4 >= sum(len(seen(spec)) for spec in core)


@BY_PROVIDER
def test_a_provider_tells_where_its_token_is_and_who_it_is(name: str) -> None:
    """The facts that start-up, errors and pasted URLs need."""
    service = catalog.load().services[name]
    assert service == catalog.find(name).service
    assert service.login_env
    assert service.token_page.startswith("https://") or not service.token_env


@BY_PROVIDER
def test_a_provider_answers_triage(name: str) -> None:
    """Without these hooks nothing can be explained."""
    hooks = catalog.find(name).hooks
    assert None not in (hooks.locate, hooks.runs, hooks.run, hooks.failures, hooks.log, hooks.identity)
