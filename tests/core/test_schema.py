"""A tool's signature is its schema and its check."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from ci_mcp.core.provider import Api, Provider
from ci_mcp.core.schema import check, describe, forced, input_schema
from ci_mcp.core.shapes import Cursor, Limit, Prose
from ci_mcp.errors import UsageError

provider = Provider("toy")


@provider.write(starts=True)
async def runs_run(  # noqa: PLR0913, PLR0917 - one of each kind of parameter
    api: Api,
    project: Annotated[str, Field(description="Project name", min_length=1)],
    kind: Annotated[Literal["a", "b"], Field(description="Which kind")] = "a",
    limit: Limit = 20,
    cursor: Cursor = "",
    jobs: Annotated[tuple[str, ...], Field(description="Only these jobs", max_length=2)] = (),
) -> Prose:
    """Start a toy run.

    Route: POST /toys
    """
    return Prose(f"{api} {project} {kind} {limit} {cursor} {jobs}")


TOOL = provider.tools["toy_runs_run"]


def test_the_description_is_the_first_line() -> None:
    """What follows it is for developers."""
    assert "Start a toy run." == describe(TOOL)


def test_the_schema_holds_what_a_model_needs_and_no_more() -> None:
    """No titles, defaults or unions; the Api is no argument; what starts a run takes force."""
    schema = input_schema(TOOL)
    assert ["project"] == schema["required"]
    assert ["project", "kind", "limit", "cursor", "jobs", "force"] == list(schema["properties"])
    assert {"description": "Which kind", "enum": ["a", "b"], "type": "string"} == schema["properties"]["kind"]
    assert "title" not in str(schema)


def test_defaults_are_filled_in_and_nulls_count_as_not_given() -> None:
    """Models often send a null for what they leave out."""
    expected = {"project": "p", "kind": "a", "limit": 20, "cursor": "", "jobs": ()}
    assert expected == check(TOOL, {"project": "p", "cursor": None, "jobs": None})


@pytest.mark.parametrize(
    ("jobs", "read"),
    [
        ("test", ("test",)),
        ('["test", "lint"]', ("test", "lint")),
        ("[not json", ("[not json",)),
        (["test"], ("test",)),
        ([5281], ("5281",)),
    ],
)
def test_what_a_model_sends_for_a_list_is_taken_for_what_it_means(jobs: object, read: tuple[str, ...]) -> None:
    """One text alone, or a list that was written into a text."""
    assert read == check(TOOL, {"project": "p", "jobs": jobs})["jobs"]


def test_a_number_is_taken_for_a_text_where_that_is_wanted() -> None:
    """A run's number is the argument of many tools; what it means does not depend on its quotes."""
    assert "5281" == check(TOOL, {"project": 5281})["project"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "project is missing (Project name)"),
        ({"project": "p", "limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"project": "p", "projct": "q"}, "there is no projct; did you mean project?"),
        ({"project": "p", "zzz": 1}, "there is no zzz; it takes project, kind, limit, cursor, jobs"),
        ({"project": "p", "kind": "c"}, "kind: Input should be 'a' or 'b'"),
        ({"project": "p", "jobs": '["a", "b", "c"]'}, "jobs: Tuple should have at most 2 items"),
        ({"project": {"name": "p"}}, "project: Input should be a valid string"),
        ({"project": True}, "project: Input should be a valid string"),
    ],
)
def test_a_bad_argument_is_named_with_what_would_be_right(arguments: dict[str, object], words: str) -> None:
    """The error is one a model can mend its call with."""
    with pytest.raises(UsageError) as caught:
        check(TOOL, arguments)
    assert words in caught.value.next_step


def test_a_number_is_taken_where_a_text_is_wanted() -> None:
    """A model gives the number of a build as a number; the schema asks for a text, which may be a URL as well."""
    assert "201" == check(TOOL, {"project": 201})["project"]
    with pytest.raises(UsageError, match="project: Input should be a valid string"):
        check(TOOL, {"project": True})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, False),
        ({"force": None}, False),
        ({"force": "false"}, False),
        ({"force": True}, True),
        ({"force": "true"}, True),
    ],
)
def test_force_is_read_as_every_truth_is(given: dict[str, object], meant: bool) -> None:
    """A model that writes "false" does not start a second run."""
    assert forced("toy_runs_run", given) is meant


def test_a_force_that_is_no_truth_is_refused() -> None:
    """It does not count as true."""
    with pytest.raises(UsageError, match="bad arguments for toy_runs_run: force: give true or false"):
        forced("toy_runs_run", {"force": "maybe"})


def test_two_tools_of_one_name_are_refused() -> None:
    """A name is declared once."""
    with pytest.raises(ValueError, match="two tools are named toy_runs_run"):
        provider.read()(runs_run)
