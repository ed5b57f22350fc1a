"""Jobs, their logs and what troubleshooting says of them, over loopback."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.recordings import recording
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def output_of(events: Any) -> list[list[str]]:
    """What the commands printed, by command in order."""
    found = []
    for event in events:
        if event["event"] == "cmd_started":
            found.append([event["directive"], ""])
        elif event["event"] == "cmd_output":
            found[-1][1] += event["output"]
    return found


@pytest.fixture
def log(client: httpx.Client) -> Callable[[str], Any]:
    """The events of a hosted job's log."""
    return lambda job_id: client.get(f"/logs/{job_id}").json()["events"]


def test_a_job_has_every_field_and_numbers_as_text(client: httpx.Client) -> None:
    """Seconds since 1970 as strings, enums as names, a JSON type."""
    answer = client.get(f"/jobs/{world.SHOP_MAIN_FAILED_JOB}")
    job = answer.json()
    assert "application/json" == answer.headers["content-type"]
    assert ("FAILED", "FINISHED") == (job["status"]["result"], job["status"]["state"])
    times = [job["metadata"][f"{name}_time"] for name in ("create", "start", "finish")]
    assert sorted(times, key=int) == times
    assert {"epilogue_on_fail_commands", "secrets", "files", "env_vars"} <= set(job["spec"])
    assert ("checkout", "pytest --junitxml=junit.xml") == (job["spec"]["commands"][0], job["spec"]["commands"][-1])


def test_a_job_holds_secrets_that_must_not_be_shown(client: httpx.Client) -> None:
    """Values of variables and contents of files: the world plants one to look for."""
    assert world.SECRET_VALUE in client.get(f"/jobs/{world.SHOP_MAIN_FAILED_JOB}").text


def test_a_job_that_never_started_has_no_agent(client: httpx.Client) -> None:
    """Unset times are the text 0."""
    job = client.get(f"/jobs/{world.SHOP_STUCK_JOB}").json()
    assert ("0", None, "FINISHED") == (job["metadata"]["start_time"], job["status"]["agent"], job["status"]["state"])


@pytest.mark.parametrize(
    ("job_id", "status", "code"), [(UNKNOWN, 404, 5), (world.HIDDEN_JOB, 403, 7), ("no-uuid", 400, 3)]
)
def test_jobs_answer_errors_as_grpc_does(client: httpx.Client, job_id: str, status: int, code: int) -> None:
    """Code, message and details."""
    for answer in (client.get(f"/jobs/{job_id}"), client.post(f"/jobs/{job_id}/stop")):
        assert (status, code, []) == (answer.status_code, answer.json()["code"], answer.json()["details"])


def test_a_list_of_jobs_needs_states(client: httpx.Client) -> None:
    """Without any there are no jobs."""
    assert {"jobs": [], "next_page_token": ""} == client.get("/jobs").json()


def test_jobs_come_thirty_at_a_time(client: httpx.Client) -> None:
    """The token of a page leads to the next; the last has none; the hidden job is on none."""
    seen, token = [], ""
    while True:
        query = {"states": ["FINISHED"], "page_token": token}
        page = client.get("/jobs", params=query).json()
        assert len(page["jobs"]) <= 30
        seen += [job["metadata"]["id"] for job in page["jobs"]]
        token = page["next_page_token"]
        if not token:
            break
    assert len(seen) > 60
    assert len(set(seen)) == len(seen)
    assert world.SHOP_MAIN_FAILED_JOB in seen
    assert world.HIDDEN_JOB not in seen


@pytest.mark.parametrize("query", [{"page_size": 31}, {"states": "DONE"}, {"page_token": "?"}])
def test_a_list_of_jobs_refuses_what_it_cannot_read(client: httpx.Client, query: dict[str, Any]) -> None:
    """A page of more than thirty, an unknown state, a bad token."""
    answer = client.get("/jobs", params=query)
    assert (400, 3) == (answer.status_code, answer.json()["code"])


def test_a_log_is_a_list_of_events(client: httpx.Client, log: Callable[[str], Any]) -> None:
    """From job_started to job_finished, with times in whole seconds."""
    events = log(world.SHOP_MAIN_FAILED_JOB)
    assert ("job_started", "job_finished", "failed") == (events[0]["event"], events[-1]["event"], events[-1]["result"])
    assert {"job_started", "cmd_started", "cmd_output", "cmd_finished", "job_finished"} == {e["event"] for e in events}
    stamps = [event["timestamp"] for event in events]
    assert sorted(stamps) == stamps
    assert all(isinstance(stamp, int) for stamp in stamps)
    assert "application/json" == client.get(f"/logs/{world.SHOP_MAIN_FAILED_JOB}").headers["content-type"]


def test_the_failing_step_is_not_the_last(log: Callable[[str], Any]) -> None:
    """Semaphore's own steps come first, the epilogue last."""
    finished = [event for event in log(world.SHOP_MAIN_FAILED_JOB) if event["event"] == "cmd_finished"]
    directives = [event["directive"] for event in finished]
    assert ["Exporting environment variables", "Injecting Files", "checkout"] == directives[:3]
    failing = next(event for event in finished if event["exit_code"])
    assert "pytest --junitxml=junit.xml" == failing["directive"]
    assert "wc -c junit.xml" == directives[-1]
    assert all(event["started_at"] <= event["finished_at"] for event in finished)


def test_the_newest_failure_of_main_is_an_assertion(log: Callable[[str], Any]) -> None:
    """With its file and line, for real: this is what the demo explains."""
    text = ANSI.sub("", "".join(output for _, output in output_of(log(world.SHOP_MAIN_FAILED_JOB))))
    assert "assert 1790 == 1800" in text
    assert "tests/test_cart.py:29: AssertionError" in text


def test_the_same_job_was_green_before(log: Callable[[str], Any]) -> None:
    """The log of the last green run has the same steps and no failure."""
    red, green = log(world.SHOP_MAIN_FAILED_JOB), log(world.SHOP_MAIN_GREEN_JOB)
    assert [directive for directive, _ in output_of(red)] == [directive for directive, _ in output_of(green)]
    assert {0} == {event["exit_code"] for event in green if event["event"] == "cmd_finished"}
    assert "29 passed" in ANSI.sub("", output_of(green)[-3][1])


def test_output_comes_in_odd_chunks_and_is_whole(log: Callable[[str], Any]) -> None:
    """Chunks end in the middle of lines; joined they are what the tool printed."""
    events = log(world.SHOP_MAIN_FAILED_JOB)
    chunks = [event["output"] for event in events if event["event"] == "cmd_output"]
    assert any(not chunk.endswith("\n") for chunk in chunks)
    printed = dict(output_of(events))["pytest --junitxml=junit.xml"]
    assert recording("shop-pytest-failed").steps[-1].output == printed


def test_the_log_checks_out_the_workflows_commit(client: httpx.Client, log: Callable[[str], Any]) -> None:
    """Its commit and its message stand in the log."""
    workflow = client.get(f"/plumber-workflows/{world.SHOP_MAIN_WORKFLOW}").json()["workflow"]
    checkout = ANSI.sub("", dict(output_of(log(world.SHOP_MAIN_FAILED_JOB)))["checkout"])
    assert f"HEAD is now at {workflow['commit_sha'][:7]} Round discounts per line" in checkout


def test_a_stopped_jobs_log_ends_in_the_middle(log: Callable[[str], Any]) -> None:
    """Its last command never finished."""
    events = log(world.SHOP_STOPPED_JOB)
    started = [event["directive"] for event in events if event["event"] == "cmd_started"]
    finished = [event["directive"] for event in events if event["event"] == "cmd_finished"]
    assert started[:-1] == finished
    assert ("job_finished", "stopped") == (events[-1]["event"], events[-1]["result"])


def test_a_killed_command_says_137(log: Callable[[str], Any]) -> None:
    """The exit code of SIGKILL."""
    codes = [event["exit_code"] for event in log(world.WAREHOUSE_KILLED_JOB) if event["event"] == "cmd_finished"]
    assert 137 in codes


def test_a_log_that_is_not_there_says_why(client: httpx.Client) -> None:
    """No agent of that type: the reason is a JSON string."""
    answer = client.get(f"/logs/{world.SHOP_STUCK_JOB}")
    assert 404 == answer.status_code
    assert "There are no agents of type" in answer.json()


@pytest.mark.parametrize("query", ["", "?artifact_job_logs=true"])
def test_logs_out_of_sight(client: httpx.Client, query: dict[str, Any]) -> None:
    """An unknown job is not found, a hidden one is 401 in plain text: it is not about the token."""
    unknown, hidden = client.get(f"/logs/{UNKNOWN}{query}"), client.get(f"/logs/{world.HIDDEN_JOB}{query}")
    assert 404 == unknown.status_code
    assert isinstance(unknown.json(), str)
    assert (401, "Permission denied") == (hidden.status_code, hidden.text)


def test_a_self_hosted_log_is_elsewhere(client: httpx.Client, service: Service) -> None:
    """A redirect on the same origin, with a short-lived token in the URL that needs no other."""
    answer = client.get(f"/logs/{world.WAREHOUSE_SELF_HOSTED_JOB}")
    location = answer.headers["location"]
    assert 302 == answer.status_code
    assert location.startswith(f"{service.url}/api/v1/logs/{world.WAREHOUSE_SELF_HOSTED_JOB}?jwt=")
    whole = httpx.get(location).json()
    assert whole["next"] is None
    assert whole["events"][3:] == httpx.get(f"{location}&token=3").json()["events"]
    text = httpx.get(f"{location}&raw=true").text
    assert "kubeapply: command not found" in text
    assert "bash scripts/deploy.sh staging\n" in text
    assert 400 == httpx.get(f"{location}&token=x").status_code


@pytest.mark.parametrize(
    "jwt",
    [
        "",
        "nonsense",
        base64.urlsafe_b64encode(b"[1]").decode(),
        base64.urlsafe_b64encode(json.dumps({"job": world.WAREHOUSE_SELF_HOSTED_JOB, "exp": 1}).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps({"job": UNKNOWN, "exp": 1e12}).encode()).decode(),
    ],
)
def test_a_self_hosted_log_wants_its_jwt(client: httpx.Client, service: Service, jwt: str) -> None:
    """None, nonsense, an expired one, that of another job: refused, whatever the token."""
    url = f"{service.url}/api/v1/logs/{world.WAREHOUSE_SELF_HOSTED_JOB}?jwt={jwt}"
    assert 401 == client.get(url).status_code


@pytest.mark.parametrize("word", ["true", "1", "YES"])
def test_a_whole_log_can_be_an_artifact(client: httpx.Client, word: str) -> None:
    """A redirect to the storage, which has it packed."""
    location = client.get(f"/logs/{world.SHOP_MAIN_FAILED_JOB}?artifact_job_logs={word}").headers["location"]
    assert "assert 1790 == 1800" in ANSI.sub("", gzip.decompress(httpx.get(location).content).decode())


def test_an_artifact_of_a_log_may_be_missing_or_off(
    client: httpx.Client, make_client: Callable[..., httpx.Client]
) -> None:
    """Of a job that never ran; in an organization without the feature."""
    query = "?artifact_job_logs=true"
    missing = client.get(f"/logs/{world.SHOP_STUCK_JOB}{query}")
    off = make_client(world.NO_ARTIFACTS_TOKEN).get(f"/logs/{world.SHOP_MAIN_FAILED_JOB}{query}")
    assert (404, "Artifact job logs not found") == (missing.status_code, missing.json())
    assert (403, True) == (off.status_code, "not enabled" in off.text)


def test_troubleshooting_a_job_names_everything_around_it(client: httpx.Client) -> None:
    """Pipeline, workflow, block and project, and why it never started."""
    answer = client.get(f"/troubleshoot/job/{world.SHOP_STUCK_JOB}").json()
    assert world.SHOP_STUCK_PIPELINE == answer["pipeline"]["ppl_id"]
    assert world.SHOP_STUCK_WORKFLOW == answer["workflow"]["wf_id"]
    assert ("hook", world.SHOP_PROJECT) == (answer["workflow"]["triggered_by"], answer["project"]["id"])
    assert ("Train", "stuck") == (answer["block"]["name"], answer["block"]["result_reason"])
    job = answer["job"]
    assert ("finished", "", "a1-gpu-large") == (job["state"], job["started_at"], job["machine_type"])
    assert "no agents of type" in job["failure_reason"]
    assert "result" not in job


def test_troubleshooting_a_self_hosted_job(client: httpx.Client) -> None:
    """The flag, and the agent's name."""
    job = client.get(f"/troubleshoot/job/{world.WAREHOUSE_SELF_HOSTED_JOB}").json()["job"]
    assert (True, True) == (job["is_self_hosted"], job["agent_name"].startswith("s1-warehouse"))


def test_troubleshooting_pipelines_and_workflows(client: httpx.Client) -> None:
    """A pipeline has its blocks inside."""
    pipeline = client.get(f"/troubleshoot/pipeline/{world.SHOP_MAIN_PIPELINE}").json()["pipeline"]
    workflow = client.get(f"/troubleshoot/workflow/{world.SHOP_MAIN_WORKFLOW}").json()["workflow"]
    assert ["passed", "failed", "canceled"] == [block["result"] for block in pipeline["blocks"]]
    assert world.SHOP_MAIN_PIPELINE == workflow["initial_ppl_id"]


@pytest.mark.parametrize(
    ("kind", "hidden"),
    [("job", world.HIDDEN_JOB), ("pipeline", world.HIDDEN_PIPELINE), ("workflow", world.HIDDEN_WORKFLOW)],
)
def test_troubleshooting_out_of_sight(client: httpx.Client, kind: str, hidden: str) -> None:
    """Unknown is 404, hidden is 401 in plain text."""
    assert 404 == client.get(f"/troubleshoot/{kind}/{UNKNOWN}").status_code
    answer = client.get(f"/troubleshoot/{kind}/{hidden}")
    assert (401, "Permission denied") == (answer.status_code, answer.text)
