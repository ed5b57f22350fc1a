"""Write what the tests need of CircleCI's OpenAPI files: paths, parameters, enums and required fields.

    python scripts/circleci_facts.py V2.yaml V1.1.json > tests/fixtures/circleci_openapi.json

The vendor publishes both files with its documentation (github.com/circleci/circleci-docs). What comes out is
``{version: {path: {method: {path, query, required, body, responses}}}}``: ``path`` and ``query`` are schemas by
parameter, ``required`` names the query parameters that must be there, ``body`` and ``responses`` (by status) are
JSON Schema without references, so that the tests of the sandbox and those of the provider can use it as it is.

The fields of answers are as they are on the wire: spelled with ``_``, whatever the file says, but for those of a
pipeline's configuration; and null where nothing has happened yet (``NULL_ON_THE_WIRE``).
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

V2_PATHS = (
    "/me",
    "/me/collaborations",
    "/pipeline",
    "/pipeline/{pipeline-id}",
    "/pipeline/{pipeline-id}/config",
    "/pipeline/{pipeline-id}/values",
    "/pipeline/{pipeline-id}/workflow",
    "/project/{project-slug}",
    "/project/{project-slug}/pipeline",
    "/project/{project-slug}/pipeline/mine",
    "/project/{project-slug}/pipeline/{pipeline-number}",
    "/project/{project-slug}/job/{job-number}",
    "/project/{project-slug}/job/{job-number}/cancel",
    "/project/{project-slug}/{job-number}/artifacts",
    "/project/{project-slug}/{job-number}/tests",
    "/project/{provider}/{organization}/{project}/pipeline/run",
    "/projects/{project_id}/pipeline-definitions",
    "/jobs/{job-id}/cancel",
    "/workflow/{id}",
    "/workflow/{id}/approve/{approval_request_id}",
    "/workflow/{id}/cancel",
    "/workflow/{id}/job",
    "/workflow/{id}/rerun",
    "/insights/pages/{project-slug}/summary",
    "/insights/{project-slug}/flaky-tests",
    "/insights/{project-slug}/workflows",
)
V11_PATHS = (
    "/me",
    "/projects",
    "/project/{vcs-type}/{username}/{project}",
    "/project/{vcs-type}/{username}/{project}/{build_num}",
    "/project/{vcs-type}/{username}/{project}/{build_num}/cancel",
)
_METHODS = ("get", "post", "put", "patch", "delete")
_KEPT = (
    "type",
    "format",
    "enum",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
)
_HYPHENATED = ("/pipeline/{pipeline-id}/config",)
# The files forget that what has not started has no times, and a tag no branch.
NULL_ON_THE_WIRE = {"started_at", "start_time", "stop_time", "outcome", "branch"}


def facts(document: Json, paths: tuple[str, ...]) -> Json:
    """The facts of those paths of one OpenAPI document."""
    return {path: _path_facts(document, path) for path in paths}


def _path_facts(document: Json, path: str) -> Json:
    item = document["paths"][path]
    shared = item.get("parameters", [])
    return {
        method: _operation(document, path, item[method], [*shared, *item[method].get("parameters", [])])
        for method in _METHODS
        if method in item
    }


def _operation(document: Json, path: str, operation: Json, parameters: list[Json]) -> Json:
    given = [_resolved(document, parameter) for parameter in parameters]
    by_place = {
        place: {one["name"]: _schema(document, one["schema"]) for one in given if one["in"] == place}
        for place in ("path", "query")
    }
    found: Json = {key: value for key, value in by_place.items() if value}
    required = [one["name"] for one in given if one["in"] == "query" and one.get("required")]
    if required:
        found["required"] = required
    body = _content(document, _resolved(document, operation.get("requestBody", {})))
    if body is not None:
        found["body"] = body
    found["responses"] = {
        str(status): _content(document, _resolved(document, answer), wire=path not in _HYPHENATED) or {}
        for status, answer in operation["responses"].items()
    }
    return found


def _content(document: Json, holder: Json, *, wire: bool = False) -> Json | None:
    content = holder.get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else _schema(document, schema, wire=wire)


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = document
        for word in value["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        value = found
    return value


def _schema(document: Json, raw: Json, *, wire: bool = False) -> Json:
    """A schema without references and without words, its nullable types said as JSON Schema says them."""
    raw = _resolved(document, raw)
    found: Json = {key: raw[key] for key in _KEPT if key in raw}
    if wire and "required" in found:
        found["required"] = [name.replace("-", "_") for name in found["required"]]
    if "properties" in raw:
        found["properties"] = {
            name.replace("-", "_") if wire else name: _schema(
                document, one | ({"nullable": True} if wire and name in NULL_ON_THE_WIRE else {}), wire=wire
            )
            for name, one in raw["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(raw.get(key), Mapping):
            found[key] = _schema(document, raw[key], wire=wire)
        elif key in raw:
            found[key] = raw[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in raw:
            found[key] = [_schema(document, one, wire=wire) for one in raw[key]]
    if raw.get("nullable") or raw.get("x-nullable"):
        found["type"] = [raw["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def main(v2: str, v11: str) -> None:
    """Print the facts of both files."""
    newer = yaml.safe_load(Path(v2).read_text("utf-8"))
    older = json.loads(Path(v11).read_text("utf-8"))
    found = {"v2": facts(newer, V2_PATHS), "v1.1": facts(older, V11_PATHS)}
    sys.stdout.write(_printed(found))


def _printed(found: Json) -> str:
    """JSON with a line for each operation, so that a difference can be read."""
    versions = []
    for version, paths in found.items():
        lines = [
            f"  {json.dumps(path)}: {{\n"
            + ",\n".join(f"   {json.dumps(method)}: {json.dumps(one)}" for method, one in methods.items())
            + "\n  }"
            for path, methods in paths.items()
        ]
        versions.append(f" {json.dumps(version)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(versions) + "\n}\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
