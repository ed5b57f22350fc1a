"""Routes that compile a configuration: a small part of what the real compiler knows."""

from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.circleci.answers import Json, body_of, problem, said
from ci_mcp.sandbox.circleci.model import make_id
from ci_mcp.sandbox.circleci.world import ORGANIZATION

_PRIVATE_ORB = "acme-private/"  # orbs that only the organization may use


async def compile_older(request: Request) -> Response:
    """``POST /compile-config-with-defaults``: an invalid configuration is still a 200. Anybody may ask."""
    sent = await body_of(request)
    options = sent.get("options") or {}
    source = str(sent.get("config_yaml", ""))
    problems, compiled = compile_config(source, options.get("owner_id", ""), options.get("pipeline_parameters") or {})
    errors = [{"message": text} for text in problems] or None
    return said({"valid": not problems, "errors": errors, "source-yaml": source, "output-yaml": compiled})


async def compile_newer(request: Request) -> Response:
    """``POST /api/v3/configs/compile``: the same of API v3, which takes no member that it does not know."""
    sent = await body_of(request)
    data = sent.get("data", {})
    attributes, references = data.get("attributes", {}), data.get("references", {})
    known = {"config", "enable_next_preview", "pipeline_parameters", "pipeline_values"}
    unknown = sorted({*sent} - {"data"} | {*data} - {"attributes", "references"} | {*attributes} - known)
    if unknown:
        return problem(400, "Unknown member", f"Unknown member {unknown[0]!r}.", "/data")
    owner = references.get("org", {}).get("id", "")
    found, compiled = compile_config(
        str(attributes.get("config", "")), owner, attributes.get("pipeline_parameters") or {}
    )
    shown: Json = {"phase": "ended", "outcome": "failed" if found else "succeeded"}
    shown |= {} if found else {"compiled_config": compiled}
    answer: Json = {"data": {"id": make_id("compiled", compiled), "attributes": shown}}
    return said(answer | ({"meta": {"messages": [{"title": text} for text in found]}} if found else {}))


def compile_config(source: str, owner: str, parameters: Json) -> tuple[list[str], str]:
    """What is wrong with a configuration, and what it compiles to; nothing where it does not."""
    try:
        config = yaml.safe_load(source)
    except yaml.YAMLError as error:
        return [f"Unable to parse YAML\n{error}"], ""
    if not isinstance(config, dict):
        return ["config must be a map"], ""
    found = [*_problems(config, owner, parameters)]
    text: str = "" if found else yaml.safe_dump(_compiled(config), sort_keys=False)
    return found, text


def _problems(config: dict[Any, Any], owner: str, parameters: Json) -> list[str]:
    found = []
    jobs, workflows = config.get("jobs") or {}, config.get("workflows") or {}
    if "version" not in config:
        found.append("Config must declare a version")
    if not workflows and "build" not in jobs:
        found.append("Cannot find a job named `build` to run in the `jobs:` section of your configuration file.")
    found += [f"Unexpected argument(s): {name}" for name in parameters if name not in (config.get("parameters") or {})]
    for orb in (config.get("orbs") or {}).values():
        if isinstance(orb, str) and orb.startswith(_PRIVATE_ORB) and owner != ORGANIZATION:
            found.append(
                f"Cannot find {orb} in the orb registry. Check that the namespace, orb name and version are correct."
            )
    for name, job in jobs.items():
        if not isinstance(job, dict) or not {"docker", "machine", "macos", "executor"} & set(job):
            found.append(
                f"Error calling job: '{name}'\nA job must have one of `docker`, `machine`, `macos` or `executor`"
            )
        elif "steps" not in job:
            found.append(f"Error calling job: '{name}'\nMissing required key `steps`")
    found += [
        f"Error calling workflow: '{name}'\nCannot find a definition for job named {job}"
        for name, workflow in workflows.items()
        if isinstance(workflow, dict)
        for job, options in map(_named, workflow.get("jobs", []))
        if job not in jobs and options.get("type") != "approval" and "/" not in job
    ]
    return found


def _named(entry: Any) -> tuple[str, Json]:
    if isinstance(entry, dict) and entry:
        name, options = next(iter(entry.items()))
        return str(name), options or {}
    return str(entry), {}


def _compiled(config: dict[Any, Any]) -> Json:
    """What the compiler makes of it: version 2, without what only the source needs."""
    kept = {key: value for key, value in config.items() if key in {"jobs", "workflows"}}
    return {"version": 2} | kept


ROUTES = [Route("/api/v2/compile-config-with-defaults", compile_older, methods=["POST"])]
CLOUD_ROUTES = [Route("/api/v3/configs/compile", compile_newer, methods=["POST"])]
