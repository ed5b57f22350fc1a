"""The script that makes the fixture of CircleCI's published schemas, on a small made-up file."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("circleci_facts", ROOT / "scripts" / "circleci_facts.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/thing/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "post": {
                "parameters": [{"name": "page-token", "in": "query", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/wish"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
                    "204": {"description": "nothing"},
                },
            },
        }
    },
    "components": {
        "parameters": {
            "id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        },
        "schemas": {
            "wish": {"type": "object", "properties": {"some-name": {"type": "string", "example": "x"}}},
            "thing": {
                "type": "object",
                "description": "words",
                "required": ["test-name"],
                "additionalProperties": False,
                "properties": {
                    "test-name": {"enum": ["a"], "type": "string", "x-nullable": True},
                    "started_at": {"type": "string"},
                    "parts": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
                },
            },
        },
    },
}


def test_facts_stand_without_references_and_words(script: ModuleType) -> None:
    """Names of answers as on the wire, those of requests as they are; nullable as JSON Schema says it."""
    answer = {
        "type": "object",
        "required": ["test_name"],
        "properties": {
            "test_name": {"type": ["string", "null"], "enum": ["a", None]},
            "started_at": {"type": ["string", "null"]},
            "parts": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        },
        "additionalProperties": False,
    }
    expected = {
        "path": {"id": {"type": "string", "format": "uuid"}},
        "query": {"page-token": {"type": "string"}},
        "required": ["page-token"],
        "body": {"type": "object", "properties": {"some-name": {"type": "string"}}},
        "responses": {"200": answer, "204": {}},
    }
    assert {"/thing/{id}": {"post": expected}} == script.facts(DOCUMENT, ("/thing/{id}",))


def test_the_file_is_made_from_both_versions(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON with a line for each operation."""
    monkeypatch.setattr(script, "V2_PATHS", ("/thing/{id}",))
    monkeypatch.setattr(script, "V11_PATHS", ("/thing/{id}",))
    newer, older = tmp_path / "v2.yaml", tmp_path / "v1.1.json"
    newer.write_text(yaml.safe_dump(DOCUMENT), "utf-8")
    older.write_text(json.dumps(DOCUMENT), "utf-8")
    script.main(str(newer), str(older))
    printed = capsys.readouterr().out
    assert {"v2", "v1.1"} == set(json.loads(printed))
    assert 2 == sum('"post":' in line for line in printed.splitlines())
