"""The output of steps, by each of the three routes."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world

SHOP = "/api/v1.1/project/github/acme/shop"


def steps(client: httpx.Client, job: str, node: int = 0) -> list[dict[str, Any]]:
    """The steps of a node by API v3."""
    found: list[dict[str, Any]] = client.get(f"/api/v3/jobs/{job}").json()["data"]["attributes"]["parallel_executions"][
        node
    ]["steps"]
    return found


def failed(client: httpx.Client, job: str, node: int = 0) -> dict[str, Any]:
    """The first step of a node that went wrong."""
    return next(step for step in steps(client, job, node) if step["outcome"] != "succeeded")


def stream(client: httpx.Client, job: str, num: int, kind: str = "stdout", **options: Any) -> httpx.Response:
    """What a step printed, by API v3."""
    query = {"filter[execution]": options.pop("node", 0), "filter[step_num]": num}
    return client.get(f"/api/v3/jobs/{job}/{kind}", params=query, **options)


def build(client: httpx.Client, job: str, project: str = SHOP) -> dict[str, Any]:
    """A job by API v1.1."""
    number = client.get(f"/api/v2/jobs/{job}").json()["job_number"]
    found: dict[str, Any] = client.get(f"{project}/{number}").json()
    return found


def actions(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions of a job by API v1.1, in order."""
    return [action for step in found["steps"] for action in step["actions"]]


def text(chunks: list[dict[str, Any]] | None, kind: str = "out") -> str:
    """What chunks say, joined."""
    return "".join(chunk["message"] for chunk in chunks or [] if chunk["type"] == kind)


def test_the_three_routes_say_the_same(client: httpx.Client) -> None:
    """The failing assertion, its file and line, in colours and with CRLF."""
    step = failed(client, world.SHOP_MAIN_FAILED_JOB)
    found = build(client, world.SHOP_MAIN_FAILED_JOB)
    action = next(one for one in actions(found) if one["failed"])
    raw = f"/api/private/output/raw/{world.SHOP}/{found['build_num']}/output/{action['index']}/{action['step']}"
    newest = stream(client, world.SHOP_MAIN_FAILED_JOB, step["num"]).content
    assert step["num"] == action["step"]
    assert newest == client.get(raw).content
    assert newest.decode() == text(httpx.get(action["output_url"]).json())
    assert len(newest) == step["stdout_bytes"]
    for telling in (b"assert 1790 == 1800", b"tests/test_cart.py", b":29: AssertionError", b"\x1b[31m", b"\r\n"):
        assert telling in newest
    assert newest.endswith(b"Exited with code exit status 1\r\n")
    assert b"semaphore" not in newest


def test_step_numbers_have_gaps(client: httpx.Client) -> None:
    """They are not places in the list; the failing step is not the last one."""
    found = steps(client, world.SHOP_MAIN_FAILED_JOB)
    assert [0, 99, 101, 103, 104, 105, 107] == [step["num"] for step in found]
    assert ("run", 1, "pytest --junitxml=junit.xml") == tuple(found[5][key] for key in ("type", "exit_code", "command"))
    assert "exit_code" not in found[0]


@pytest.mark.parametrize(
    ("wish", "status", "place"),
    [
        ("bytes=0-", 206, slice(0, None)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-50", 206, slice(-50, None)),
        ("bytes=10-19", 206, slice(10, 20)),
        ("bytes=-999999999", 206, slice(0, None)),
        ("bytes=-", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
    ],
)
def test_a_range_is_a_part(client: httpx.Client, wish: str, status: int, place: slice) -> None:
    """From an offset, or the last bytes; what is no range is all of it."""
    num = failed(client, world.SHOP_MAIN_FAILED_JOB)["num"]
    whole = stream(client, world.SHOP_MAIN_FAILED_JOB, num).content
    part = stream(client, world.SHOP_MAIN_FAILED_JOB, num, headers={"Range": wish})
    assert (status, whole[place]) == (part.status_code, part.content)
    assert "true" == part.headers["x-terminal"]


def test_nothing_lies_past_the_end(client: httpx.Client) -> None:
    """A range from there is a 416 that says how long it is."""
    step = failed(client, world.SHOP_MAIN_FAILED_JOB)
    size = step["stdout_bytes"]
    answer = stream(client, world.SHOP_MAIN_FAILED_JOB, step["num"], headers={"Range": f"bytes={size}-"})
    assert (416, f"bytes */{size}") == (answer.status_code, answer.headers["content-range"])


def test_what_runs_is_not_terminal(client: httpx.Client) -> None:
    """Its last step has neither end nor outcome, and more may come."""
    last = steps(client, world.SHOP_RUNNING_JOB)[-1]
    assert ("started", None, False) == (last["phase"], last["ended_at"], "outcome" in last)
    assert "x-terminal" not in stream(client, world.SHOP_RUNNING_JOB, last["num"]).headers
    found = build(client, world.SHOP_RUNNING_JOB)
    assert ("running", None, None) == tuple(found[key] for key in ("lifecycle", "outcome", "stop_time"))
    assert ("running", None) == tuple(actions(found)[-1][key] for key in ("status", "failed"))


def test_standard_error_is_apart(client: httpx.Client) -> None:
    """Of one job the telling line is on standard error; the others have none there."""
    step = failed(client, world.WAREHOUSE_JOB)
    found = build(client, world.WAREHOUSE_JOB, "/api/v1.1/project/bitbucket/acme/warehouse")
    action = next(one for one in actions(found) if one["failed"])
    raw = f"/api/private/output/raw/bb/acme/warehouse/{found['build_num']}/error/0/{step['num']}"
    said = b"scripts/deploy.sh: line 8: kubeapply: command not found\r\n"
    assert said == stream(client, world.WAREHOUSE_JOB, step["num"], "stderr").content == client.get(raw).content
    assert said.decode() == text(httpx.get(action["output_url"]).json(), "err")
    assert said not in stream(client, world.WAREHOUSE_JOB, step["num"]).content
    other = stream(client, world.SHOP_MAIN_FAILED_JOB, 105, "stderr")
    assert (204, b"") == (other.status_code, other.content)


@pytest.mark.parametrize(
    ("job", "outcome", "exit_code", "telling"),
    [
        (world.SHOP_TIMEOUT_JOB, "timedout", None, b"Too long with no output (exceeded 10m0s)"),
        (world.SHOP_INFRA_JOB, "infrastructure_fail", None, b"capacity unavailable"),
        (world.SHOP_CANCELED_JOB, "canceled", None, b"context canceled"),
    ],
)
def test_a_step_can_go_wrong_without_failing(
    client: httpx.Client, job: str, outcome: str, exit_code: int | None, telling: bytes
) -> None:
    """It has no exit code, and says why at its end; API v1.1 has a field for each way."""
    step = failed(client, job)
    action = actions(build(client, job))[-1] if outcome != "timedout" else None
    assert (outcome, exit_code) == (step["outcome"], step.get("exit_code"))
    assert telling in stream(client, job, step["num"]).content
    assert action is None or action[outcome] is True


def test_a_timed_out_action_says_so(client: httpx.Client) -> None:
    """And is a failed one."""
    bad = [one for one in actions(build(client, world.SHOP_TIMEOUT_JOB)) if one["failed"]]
    assert [(True, "timedout")] == [(one["timedout"], one["status"]) for one in bad]


def test_four_nodes_fail_alike_and_one_of_four_alone(client: httpx.Client) -> None:
    """Each node has its own output."""
    alike = [stream(client, world.SHOP_SPLIT_JOB, 105, node=node).content for node in range(4)]
    assert 1 == len(set(alike))
    assert b"assert 1790 == 1800" in alike[0]
    parts = [stream(client, world.SHOP_PARTLY_JOB, 105, node=node).content for node in range(4)]
    assert [False, False, True, False] == [b"assert 1790 == 1800" in part for part in parts]
    indexes = [action["index"] for action in build(client, world.SHOP_SPLIT_JOB)["steps"][0]["actions"]]
    assert [0, 1, 2, 3] == indexes


def test_a_big_log_is_made_when_it_is_asked_for(client: httpx.Client) -> None:
    """Twelve megabytes, the failure far from the end; its last bytes come alone; API v1.1 cuts it and says so."""
    step = failed(client, world.SHOP_BIG_JOB)
    assert 11_500_000 < step["stdout_bytes"] < 13_000_000
    tail = stream(client, world.SHOP_BIG_JOB, step["num"], headers={"Range": "bytes=-1000000"}).content
    lines = tail.splitlines()
    at = next(place for place, line in enumerate(lines) if b"panicked at src/lib.rs:39:9" in line)
    assert len(lines) - at > 1_500
    action = next(one for one in actions(build(client, world.SHOP_BIG_JOB)) if one["failed"])
    chunks = httpx.get(action["output_url"], timeout=20).json()
    assert (4_000_000, True) == (len(chunks[0]["message"]), chunks[0]["truncated"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}/stdout?filter[step_num]=2", 404),
        (f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}/stdout?filter[step_num]=105&filter[execution]=4", 404),
        (f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}/stdout?filter[step_num]=105&filter[execution]=x", 404),
        (f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}/stdout", 400),
        (f"/api/v3/jobs/{world.SHOP_MAIN_BLOCKED_JOB}/stdout?filter[step_num]=0", 404),
        (f"/api/v3/jobs/{world.SHOP_PROJECT}/stderr?filter[step_num]=0", 404),
        ("/api/private/output/raw/gh/acme/shop/1/output/0/105", 404),
    ],
)
def test_output_that_is_not_there(client: httpx.Client, path: str, status: int) -> None:
    """A wrong step or node, or a job that never ran."""
    assert status == client.get(path).status_code


def test_the_private_route_has_odd_ways(client: httpx.Client) -> None:
    """A wrong step is an empty 200, an empty output a 204, a bad token a missing build."""
    base = f"/api/private/output/raw/{world.SHOP}/{build(client, world.SHOP_MAIN_FAILED_JOB)['build_num']}"
    assert (200, b"") == ((answer := client.get(f"{base}/output/0/2")).status_code, answer.content)
    assert (200, b"") == ((answer := client.get(f"{base}/output/7/105")).status_code, answer.content)
    assert 204 == client.get(f"{base}/error/0/105").status_code
    answer = client.get(f"{base}/output/0/105", headers={"Authorization": "Bearer nobody"})
    assert (404, "Build not found") == (answer.status_code, answer.json()["message"])


def test_a_signed_output_is_for_nobody_in_particular(client: httpx.Client) -> None:
    """It refuses the token, and a path without its signature."""
    url = next(one["output_url"] for one in actions(build(client, world.SHOP_MAIN_FAILED_JOB)) if one["failed"])
    assert 400 == client.get(url).status_code
    assert 403 == httpx.get(url.partition("?")[0]).status_code
    missing = httpx.URL(url).copy_with(path=httpx.URL(url).path.replace("/105", "/2"))
    assert 403 == httpx.get(missing).status_code


def test_api_v1_1_says_edn_to_who_accepts_nothing(client: httpx.Client) -> None:
    """JSON for any type that is named."""
    number = build(client, world.SHOP_MAIN_FAILED_JOB)["build_num"]
    edn = client.get(f"{SHOP}/{number}", headers={"Accept": ""})
    assert "application/edn" in edn.headers["content-type"]
    assert edn.text.startswith(f"{{:build_num {number}")
    assert "nil" in edn.text
    assert number == client.get(f"{SHOP}/{number}", headers={"Accept": "text/plain"}).json()["build_num"]


def test_recent_jobs_are_filtered_and_cut(client: httpx.Client) -> None:
    """Newest first; thirty, or as many as asked for, never more than a hundred."""
    recent = client.get(SHOP).json()
    assert 30 == len(recent)
    assert sorted((one["build_num"] for one in recent), reverse=True) == [one["build_num"] for one in recent]
    assert 100 == len(client.get(SHOP, params={"limit": 500}).json())
    assert recent[5]["build_num"] == client.get(SHOP, params={"limit": 1, "offset": 5}).json()[0]["build_num"]
    for word, statuses in {
        "failed": {"failed", "timedout", "infrastructure_fail"},
        "running": {"running", "queued"},
        "successful": {"success"},
    }.items():
        assert statuses >= {one["status"] for one in client.get(SHOP, params={"filter": word, "limit": 100}).json()}
    done = client.get(SHOP, params={"filter": "completed", "limit": 100}).json()
    assert {"finished"} == {one["lifecycle"] for one in done}


def test_output_grows_while_a_client_watches(fresh: httpx.Client, wait_for: Callable[..., Any]) -> None:
    """Asked from the last offset on, the parts make the whole."""
    made = fresh.post(f"/api/v2/workflow/{world.SHOP_MAIN_WORKFLOW}/rerun", json={}).json()["workflow_id"]
    job = next(one for one in fresh.get(f"/api/v2/workflow/{made}/job").json()["items"] if one["name"] == "test")["id"]
    got = b""

    def read() -> bool:
        nonlocal got
        answer = stream(fresh, job, 104, headers={"Range": f"bytes={len(got)}-"})
        got += answer.content if answer.status_code == 206 else b""
        return answer.headers.get("x-terminal") == "true"

    assert wait_for(read, True)
    read()
    assert stream(fresh, job, 104).content == got
