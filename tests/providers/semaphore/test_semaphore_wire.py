import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.semaphore import wire
from ci_mcp.status import Status

MOMENT = dt.datetime(2025, 4, 17, 19, 6, 4, 782051, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "spelled",
    [
        {"seconds": 1744916764, "nanos": 782051999},
        "2025-04-17 19:06:04.782051Z",
        "2025-04-17T21:06:04.782051+02:00",
        "2025-04-17 19:06:04.782051",
    ],
)
def test_a_time_is_the_same_in_every_spelling(spelled: Any) -> None:
    """The list's pair, the description's text, an offset, and no zone at all."""
    assert MOMENT == wire.when(spelled)


@pytest.mark.parametrize(
    "unset",
    [
        "1970-01-01 00:00:00.000000Z",
        {"seconds": 0, "nanos": 0},
        "0",
        0,
        "",
        None,
        "soon",
        "0001-01-01T00:00:00+05:00",
        {},
        [],
        1e40,
        "9" * 30,
        -5,
    ],
)
def test_an_unset_time_is_none(unset: Any) -> None:
    """1970, zero, nothing and nonsense are no times."""
    assert wire.when(unset) is None


def test_a_job_gives_seconds_as_text() -> None:
    """The jobs gateway writes 64-bit numbers as strings."""
    assert MOMENT.replace(microsecond=0) == wire.when("1744916764")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["seconds", "nanos", "x"]), inner),
    max_leaves=6,
)


@given(_JSON)
def test_no_value_of_a_service_breaks_a_time(value: Any) -> None:
    """Whatever stands there, it is a time in UTC or none."""
    found = wire.when(value)
    assert found is None or found.tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("expected", "state", "result", "reason"),
    [
        (Status.PASSED, "DONE", "PASSED", "TEST"),
        (Status.PASSED, "done", "passed", "test"),
        (Status.FAILED, "FINISHED", "FAILED", ""),
        (Status.CANCELED, "done", "stopped", "user"),
        (Status.CANCELED, "done", "canceled", "strategy"),
        (Status.SKIPPED, "done", "passed", "skipped"),
        (Status.RUNNING, "RUNNING", "NONE", ""),
        (Status.RUNNING, "running", "passed", ""),
        (Status.RUNNING, "stopping", None, None),
        (Status.QUEUED, "queuing", None, None),
        (Status.QUEUED, "ENQUEUED", "", ""),
        (Status.QUEUED, "waiting", None, None),
        (Status.UNKNOWN, "done", None, None),
        (Status.UNKNOWN, None, None, None),
    ],
)
def test_a_result_counts_only_at_the_end(expected: Status, state: Any, result: Any, reason: Any) -> None:
    """Running work has a result that means nothing, or none."""
    assert expected is wire.status(state, result, reason)


@pytest.mark.parametrize(
    ("expected", "state", "result", "reason"),
    [
        ("", "DONE", "PASSED", "TEST"),
        ("", "done", "failed", "test"),
        ("failed: malformed", "DONE", "FAILED", "MALFORMED"),
        ("stopped: user", "done", "stopped", "user"),
        ("stopped", "FINISHED", "STOPPED", ""),
        ("stopping", "STOPPING", None, None),
        ("initializing", "INITIALIZING", None, None),
        ("", "running", None, None),
        ("", None, None, None),
    ],
)
def test_the_vendors_word_is_kept_where_it_says_more(expected: str, state: Any, result: Any, reason: Any) -> None:
    """The reason "test" stands on every pipeline and says nothing."""
    assert expected == wire.own_word(state, result, reason)


def test_a_running_pipeline_with_a_failed_job_is_failing() -> None:
    """Its failure is certain as soon as one job or block has failed."""
    running = {"state": "running"}
    failed = {"state": "running", "jobs": [{"status": "FINISHED", "result": "FAILED"}]}
    assert Status.FAILING is wire.pipeline_status(running, [failed])
    assert Status.FAILING is wire.pipeline_status(running, [{"state": "done", "result": "failed", "jobs": None}])
    assert Status.RUNNING is wire.pipeline_status(running, [{"state": "running", "jobs": [{"status": "RUNNING"}]}])
    assert Status.PASSED is wire.pipeline_status({"state": "done", "result": "passed"}, [failed])


@pytest.mark.parametrize(
    ("expected", "value"),
    [("hook", 0), ("schedule", 1), ("api", 2), ("manual_run", 3), ("", 9), ("hook", "HOOK"), ("", None), ("", True)],
)
def test_a_trigger_is_a_number_or_a_word(expected: str, value: Any) -> None:
    """Lists give numbers, descriptions words."""
    assert expected == wire.trigger(value)


def test_a_definitions_path_is_put_together() -> None:
    """Folder and file, whichever is given."""
    assert ".semaphore/deploy.yml" == wire.yaml_path(
        {"working_directory": ".semaphore/", "yaml_file_name": "deploy.yml"}
    )
    assert "ci.yml" == wire.yaml_path({"working_directory": "", "yaml_file_name": "ci.yml"})
    assert "" == wire.yaml_path({})


def test_a_title_is_one_clean_line() -> None:
    """Control and direction characters of a commit message are not shown."""
    assert "Fix it" == wire.first_line("\n Fix it\nmore")
    assert "\u202e" not in wire.first_line("Fix \u202eti")
    assert "" == wire.first_line(None)
    assert 200 == len(wire.first_line("x" * 999))


def test_a_seconds_difference_needs_both_ends() -> None:
    """A job that runs has no duration, nor has one whose clocks ran backwards."""
    later = MOMENT + dt.timedelta(seconds=5)
    assert 5 == wire.seconds_between(MOMENT, later)
    assert wire.seconds_between(MOMENT, None) is None
    assert wire.seconds_between(later, MOMENT) is None


def test_an_answer_of_another_shape_is_an_error() -> None:
    """A list where an object should be, and the other way round."""
    with pytest.raises(BadAnswerError, match="not a job"):
        wire.record([], "job")
    with pytest.raises(BadAnswerError, match="not a list of pipelines"):
        wire.records({"message": "hello"}, "pipelines")
    with pytest.raises(BadAnswerError):
        wire.records([1], "pipelines")
    assert [] == wire.parts(None)
    assert [{"a": 1}] == wire.parts([{"a": 1}, None, 3])
