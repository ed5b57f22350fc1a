"""Configurations that are compiled, by either version."""

from typing import Any

import httpx
import pytest
import yaml

from ci_mcp.sandbox.circleci import world

GOOD = """
version: 2.1
parameters: {full: {type: boolean, default: false}}
jobs:
  test:
    docker: [{image: cimg/python:3.11}]
    steps: [checkout, {run: pytest}]
workflows:
  main:
    jobs: [test, {hold: {type: approval}}, orb/deploy]
  version: 2
"""
PRIVATE = GOOD + "orbs: {tools: acme-private/tools@1.2.3}\n"
CASES = [
    (GOOD, None),
    ("version: 2.1\n\tjobs: {}", "Unable to parse YAML"),
    ("- a\n- list", "config must be a map"),
    ("jobs: {build: {docker: [], steps: []}}", "version"),
    ("version: 2.1\njobs: {}", "Cannot find a job named `build`"),
    (GOOD.replace("[test,", "[nothing,"), "Cannot find a definition for job named nothing"),
    (GOOD.replace("docker:", "doker:"), "must have one of"),
    (GOOD.replace("steps:", "stops:"), "Missing required key `steps`"),
    (PRIVATE, "acme-private/tools@1.2.3"),
]


@pytest.mark.parametrize(("source", "problem"), CASES)
def test_api_v2_compiles(client: httpx.Client, source: str, problem: str | None) -> None:
    """A wrong configuration is a 200 too; the fields really have hyphens."""
    answer = client.post("/api/v2/compile-config-with-defaults", json={"config_yaml": source})
    found = answer.json()
    assert (200, problem is None, source) == (answer.status_code, found["valid"], found["source-yaml"])
    assert problem is None or problem in found["errors"][0]["message"]
    assert bool(found["output-yaml"]) == (problem is None) == (found["errors"] is None)


@pytest.mark.parametrize(("source", "problem"), CASES)
def test_api_v3_compiles(client: httpx.Client, source: str, problem: str | None) -> None:
    """Its problems are titles of messages."""
    found = client.post("/api/v3/configs/compile", json={"data": {"attributes": {"config": source}}}).json()
    attributes = found["data"]["attributes"]
    assert ("succeeded" if problem is None else "failed") == attributes["outcome"]
    assert problem is None or problem in found["meta"]["messages"][0]["title"]
    assert problem is not None or 2 == yaml.safe_load(attributes["compiled_config"])["version"]


def test_a_private_orb_needs_its_organization(client: httpx.Client) -> None:
    """Which is named by its id."""
    older = {"config_yaml": PRIVATE, "options": {"owner_id": world.ORGANIZATION}}
    newer: dict[str, Any] = {"attributes": {"config": PRIVATE}, "references": {"org": {"id": world.ORGANIZATION}}}
    assert client.post("/api/v2/compile-config-with-defaults", json=older).json()["valid"] is True
    answer = client.post("/api/v3/configs/compile", json={"data": newer})
    assert "succeeded" == answer.json()["data"]["attributes"]["outcome"]


def test_a_parameter_must_be_declared(client: httpx.Client) -> None:
    """Else it is an unexpected argument."""
    options = {"pipeline_parameters": {"full": True, "other": 1}}
    found = client.post("/api/v2/compile-config-with-defaults", json={"config_yaml": GOOD, "options": options}).json()
    assert [{"message": "Unexpected argument(s): other"}] == found["errors"]


def test_api_v3_takes_no_unknown_member(client: httpx.Client) -> None:
    """At any level."""
    for body in ({"data": {}, "config": GOOD}, {"data": {"attributes": {"config_yaml": GOOD}}}):
        answer = client.post("/api/v3/configs/compile", json=body)
        assert (400, "Unknown member") == (answer.status_code, answer.json()["error"]["title"])
