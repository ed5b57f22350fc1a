"""Schemas, examples, and what is said of documents that do not keep to them."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ci_mcp.sandbox.firmwareci.schemas import schema, schema_names
from ci_mcp.sandbox.firmwareci.validate import examples, validate

pytestmark = pytest.mark.anyio
Call = Callable[..., Awaitable[Any]]
_TEXT = {"api": ("definition", "document"), "sessions": ("yaml", "content")}
_STEP = "stages: [{name: s, steps: [{cmd: sleep, name: n, parameters: {duration: 1s}}]}]"


async def test_schemas_and_examples_are_given(call: Call, variant: str) -> None:
    """Each name that is listed gives a schema with its guidance, each path an example."""
    name, path = ("name", "path") if variant == "api" else ("schema_name", "example_path")
    names = (await call(variant, "fwci_list_schemas"))["schemas"]
    assert {"test", "workflow", "step:cmd", "step:dutctl", "common:dut"} <= set(names)
    paths = (await call(variant, "fwci_list_examples"))["examples"]
    for one in ("step:qemu", "test"):
        given = await call(variant, "fwci_get_schema", **{name: one})
        assert given["description"]
        assert yaml.safe_load(given["x-example-yaml"])
    assert "runs-on" in (await call(variant, "fwci_get_example", **{path: paths[-1]}))["content"]
    assert "schema not found: step:x" == await call(variant, "fwci_get_schema", **{name: "step:x"})
    assert "example not found: x" == await call(variant, "fwci_get_example", **{path: "x"})


async def test_validation_by_tool(call: Call, variant: str) -> None:
    """A test has a tool of its own; other documents are named by their kind."""
    test, document = _TEXT[variant]
    assert {"valid": True} == await call(variant, "fwci_validate_test", **{test: f"name: t\n{_STEP}"})
    bad = await call(variant, "fwci_validate", kind="workflow", **{document: "name: w\ndescription: d"})
    assert {"valid": False, "issues": [{"field": "(root)", "message": "runs-on is required"}]} == bad
    assert "'test' is not one of" in await call(variant, "fwci_validate", kind="test", **{document: "{}"})


@pytest.mark.parametrize("path", list(examples()))
def test_the_examples_are_valid(path: str) -> None:
    """What is shown as an example keeps to the schemas, as YAML and as JSON."""
    file = path.rpartition("/")[2]
    kind = {"dut.yaml": "dut", "pre.yaml": "dut-pre-post", "post.yaml": "dut-pre-post", "storage.yaml": "storage",
            "workflow.yaml": "workflow"}.get(file, "test")  # fmt: skip
    assert {"valid": True} == validate(kind, examples()[path])
    assert {"valid": True} == validate(kind, json.dumps(yaml.safe_load(examples()[path])))


@pytest.mark.parametrize("name", schema_names())
def test_the_schemas_are_schemas(name: str) -> None:
    """Each is one of draft 7, and its example is valid by it."""
    files = {path.rpartition("/")[2]: text for path, text in examples().items()}
    known = schema(name, files)
    assert known is not None
    Draft7Validator.check_schema(known)
    if "x-example-yaml" in known:
        Draft7Validator(known).validate(yaml.safe_load(known["x-example-yaml"]))


@pytest.mark.parametrize(
    ("kind", "text", "field", "message"),
    [
        ("workflow", "name: w\ndescription: d\nruns-on: x\nworks-on: y", "(root)", "Additional property works-on is not allowed"),
        ("workflow", "[]", "(root)", "Invalid type. Expected: object, given: array"),
        ("workflow", "", "(root)", "Invalid type. Expected: object, given: null"),
        ("workflow", "name: 1\ndescription: d\nruns-on: x", "name", "Invalid type. Expected: string, given: integer"),
        ("workflow", "name: ''\ndescription: d\nruns-on: x", "name", "String length must be greater than or equal to 1"),
        ("workflow", "name: 2001-01-01\ndescription: d\nruns-on: x", "name", "Invalid type. Expected: string, given: string"),
        ("storage", "name: s\nuri: nothing", "uri", "Does not match pattern '^[a-z][a-z0-9+]*://'"),
        ("dut-pre-post", "{}", "(root)", "Must have at least 1 properties"),
        ("dut-pre-post", "pre-stage: []\npost-stage: []", "(root)", "Must have at most 1 properties"),
        ("test", "name: t\nstages: []", "stages", "Array must have at least 1 items"),
        ("test", "name: t\nstages: [{name: s, steps: [{name: n}]}]", "stages.0.steps.0", "cmd is required"),
        ("test", "name: t\nstages: [{name: s, steps: [{cmd: sleep, name: n, parameters: {seconds: 1}}]}]", "stages.0.steps.0.parameters", "duration is required"),
        ("test", f"name: t\n{_STEP}\npre-stage: [{{cmd: ping, name: a, parameters: {{host: h}}}}, {{cmd: ping, name: a, parameters: {{host: h}}}}]", "pre-stage.1.name", "step name a is not unique in its stage"),
    ],
)  # fmt: skip
def test_what_is_said_of_bad_documents(kind: str, text: str, field: str, message: str) -> None:
    """The field by its path, and the words of the library that the service uses."""
    told = validate(kind, text)
    assert False is told["valid"]
    assert {"field": field, "message": message} in told["issues"]


def test_a_word_that_is_no_choice() -> None:
    """What may stand there is listed."""
    told = validate("test", "name: t\nstages: [{name: s, steps: [{cmd: dance, name: n}]}]")
    assert told["issues"][0]["message"].startswith('stages.0.steps.0.cmd must be one of the following: "cmd", "ping"')


def test_text_that_is_no_yaml() -> None:
    """It is an issue like any other."""
    assert validate("dut", "a: [")["issues"][0]["message"].startswith("yaml: while parsing")
