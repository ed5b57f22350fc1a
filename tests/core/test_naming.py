"""A command that an error names becomes the call that a client can make."""

import pytest

from ci_mcp.core.catalog import load
from ci_mcp.core.naming import as_calls


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('see "ci-mcp buildkite builds list"', "see buildkite_builds_list"),
        ('log: "ci-mcp circleci jobs logs --job gh/acme/web/7"', 'log: circleci_jobs_logs(job="gh/acme/web/7")'),
        ('them: "ci-mcp pocketci tasks list --run=r/1"', 'them: pocketci_tasks_list(run="r/1")'),
        (
            '"ci-mcp firmwareci jobs list --statuses failed"',
            'firmwareci_jobs_list(statuses=["failed"])',
        ),
        ('"ci-mcp semaphore pipelines validate --file …" first', "semaphore_pipelines_validate first"),
        ('"ci-mcp circleci jobs logs --job 7 --tail 50"', 'circleci_jobs_logs(job="7", tail=50)'),
        ('"ci-mcp pocketci pipelines update --no-paused"', '"ci-mcp pocketci pipelines update --no-paused"'),
        ('run "ci-mcp auth login buildkite"', 'run "ci-mcp auth login buildkite"'),
        ('"ci-mcp buildkite nothing list"', '"ci-mcp buildkite nothing list"'),
    ],
)
def test_a_command_becomes_its_call(text: str, said: str) -> None:
    """With its arguments; what is no tool stays as it is."""
    assert said == as_calls(text, load().tools)


def test_what_is_not_offered_stays_a_command() -> None:
    """A client cannot call what it does not have."""
    assert 'see "ci-mcp buildkite builds list"' == as_calls('see "ci-mcp buildkite builds list"', {})
