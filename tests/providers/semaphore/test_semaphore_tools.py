import inspect

import pytest

from ci_mcp.core import schema
from ci_mcp.core.answer import compact
from ci_mcp.providers.semaphore import provider

TOOLS = sorted(provider.tools)


def test_the_tools_are_those_that_were_promised() -> None:
    """No more and no fewer; at most eight for everybody."""
    expected = {
        "organizations": ["list"],
        "projects": ["list", "search", "describe"],
        "workflows": ["search", "describe", "run", "rerun", "cancel"],
        "pipelines": ["list", "describe", "rerun", "validate"],
        "jobs": ["list", "describe", "logs", "cancel"],
        "tests": ["list", "flaky"],
        "insights": ["summary"],
        "artifacts": ["list", "describe"],
        "promotions": ["list", "run"],
        "tasks": ["list", "run"],
    }
    assert sorted(f"semaphore_{noun}_{verb}" for noun, verbs in expected.items() for verb in verbs) == TOOLS
    assert 8 >= sum(tool.core for tool in provider.tools.values())


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_told_in_few_words(name: str) -> None:
    """A description of at most thirty words, parameters of at most eight; at most 260 tokens together."""
    tool = provider.tools[name]
    spec = schema.spec(provider, tool)
    assert 30 >= len(spec.description.split())
    for said in spec.input_schema["properties"].values():
        assert 8 >= len(said["description"].split()), said
        assert "anyOf" not in said
    told = compact({"name": name, "description": spec.description, "inputSchema": spec.input_schema})
    assert 260 >= len(told) / 4


def test_what_ends_or_starts_something_says_so() -> None:
    """The hints that clients ask their user by."""
    runs = {"workflows_run", "workflows_rerun", "pipelines_rerun", "promotions_run", "tasks_run"}
    assert runs == _with("starts")
    assert {"workflows_cancel", "jobs_cancel"} == _with("destructive")
    assert _with("starts") | _with("destructive") == {
        name.removeprefix("semaphore_") for name, tool in provider.tools.items() if not tool.read_only
    }


def _with(hint: str) -> set[str]:
    return {name.removeprefix("semaphore_") for name, tool in provider.tools.items() if getattr(tool, hint)}


@pytest.mark.parametrize("name", TOOLS)
def test_every_parameter_is_bounded(name: str) -> None:
    """Texts have a length, numbers a range, lists a size."""
    for key, said in schema.input_schema(provider.tools[name])["properties"].items():
        bounds = {"string": {"maxLength", "enum"}, "integer": {"minimum"}, "array": {"maxItems"}, "boolean": set(said)}
        assert bounds[said["type"]] & set(said), key


def test_every_hook_is_there() -> None:
    """Triage can ask everything; Semaphore's flaky tests are a feature of some organizations."""
    hooks = provider.hooks
    there = {name for name in inspect.signature(type(hooks)).parameters if callable(getattr(hooks, name))}
    owed = {"identity", "locate", "discover", "runs", "run", "failures", "log", "rerun", "flaky", "tokens"}
    assert set() == owed - there
