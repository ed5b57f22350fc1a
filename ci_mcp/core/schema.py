"""From the signature of a tool, prompt or resource: what a client sees, and the check of the arguments it sends."""

import difflib
import inspect
import json
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from ci_mcp.core.catalog import (
    TRIAGE,
    Catalog,
    PromptSpec,
    ResourceSpec,
    ToolSpec,
    find,
    provider_names,
    service_facts,
)
from ci_mcp.core.provider import Prompt, Provider, Resource, Tool
from ci_mcp.errors import UsageError

FORCE = {"type": "boolean", "description": "Even if just started"}
_NOISE = ("title", "default", "minLength")  # that a required text is not empty goes without saying; it is checked
_SHOWN_ERRORS = 3
_TRUTH = TypeAdapter(bool)


@cache
def arguments(tool: Tool | Prompt | Resource) -> type[BaseModel]:
    """A model of its parameters; its first one, the Api or the services, is not an argument."""
    parameters = list(inspect.signature(tool.function, eval_str=True).parameters.values())[1:]
    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters}
    # A model gives a job's or a build's number as a number, where it may also be an id or a URL.
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    return create_model(tool.name, __config__=config, **fields)


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    known = model.model_json_schema().get("properties", {})
    return frozenset(name for name, schema in known.items() if schema.get("type") == "array")


def check(tool: Tool | Prompt | Resource, raw: dict[str, Any]) -> dict[str, Any]:
    """The arguments as it takes them; raises `UsageError` naming what is wrong with them.

    What models often send is taken for what it means: a null for an argument that was not given, a number for a
    text, a text for a list of one, a list that was written into a text.
    """
    model = arguments(tool)
    given = {
        name: _listed(value) if isinstance(value, str) and name in _lists(model) else value
        for name, value in raw.items()
        if value is not None
    }
    try:
        checked = model.model_validate(given)
    except ValidationError as error:
        raise UsageError(f"bad arguments for {tool.name}", _complaint(model, error)) from None
    return {name: getattr(checked, name) for name in model.model_fields}


def _listed(value: str) -> list[Any]:
    if value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = json.loads(value)
            return found if isinstance(found, list) else [value]
    return [value]


def forced(name: str, raw: dict[str, Any]) -> bool:
    """Whether ``force`` is given to a tool that starts a run; raises `UsageError` where it is not true or false."""
    try:
        return _TRUTH.validate_python(raw.get("force") or False)
    except ValidationError:
        raise UsageError(f"bad arguments for {name}", "force: give true or false") from None


def _complaint(model: type[BaseModel], error: ValidationError) -> str:
    said = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN_ERRORS]:
        name = ".".join(str(part) for part in problem["loc"])[:80]
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, model.model_fields, n=1)
            known = (
                f"did you mean {near[0]}?" if near else f"it takes {', '.join(model.model_fields) or 'no arguments'}"
            )
            said.append(f"there is no {name}; {known}")
        elif problem["type"] == "missing":
            told = model.model_fields[name].description
            said.append(f"{name} is missing" + (f" ({told})" if told else ""))
        else:
            field = model.model_fields.get(str(problem["loc"][0]))
            told = field.description if field and problem["type"].startswith("string_") else ""
            said.append(f"{name}: {problem['msg']}" + (f" ({told})" if told else ""))
    return "; ".join(said)


def input_schema(tool: Tool) -> dict[str, Any]:
    """The JSON schema of the tool's arguments, without what a model does not need to read."""
    raw = arguments(tool).model_json_schema()
    properties = {name: _plain(value) for name, value in raw.get("properties", {}).items()}
    if tool.starts:
        properties["force"] = FORCE
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if raw.get("required"):
        schema["required"] = raw["required"]
    return schema


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in _NOISE}
    return value


def describe(tool: Tool | Prompt | Resource) -> str:
    """What a client is told of it: the first line of its docstring."""
    return (inspect.getdoc(tool.function) or "").partition("\n")[0]


def spec(provider: Provider, tool: Tool) -> ToolSpec:
    """The tool as ``tools.json`` keeps it."""
    return ToolSpec(
        name=tool.name,
        provider=provider.name,
        description=describe(tool),
        input_schema=input_schema(tool),
        core=tool.core,
        read_only=tool.read_only,
        destructive=tool.destructive,
        idempotent=tool.idempotent,
        starts=tool.starts,
    )


def prompt_spec(provider: Provider, prompt: Prompt) -> PromptSpec:
    """The prompt as ``tools.json`` keeps it."""
    raw = _plain(arguments(prompt).model_json_schema())
    required = raw.get("required", [])
    told = [
        {"name": name, "description": value["description"]}
        | ({"required": True} if name in required else {})
        | ({"values": [one for one in value["enum"] if one]} if "enum" in value else {})
        for name, value in raw.get("properties", {}).items()
    ]
    return PromptSpec(name=prompt.name, provider=provider.name, description=describe(prompt), arguments=told)


def resource_spec(provider: Provider, one: Resource) -> ResourceSpec:
    """The resource as ``tools.json`` keeps it."""
    return ResourceSpec(
        template=one.template,
        provider=provider.name,
        name=one.name,
        description=describe(one),
        mime_type=one.mime_type,
    )


def build() -> Catalog:
    """The catalog as the code declares it: triage's tools first, then each provider's."""
    providers = [find(name) for name in [TRIAGE, *provider_names()]]
    return Catalog(
        services={p.name: p.service for p in providers if p.service is not None},
        tools={tool.name: spec(p, tool) for p in providers for tool in p.tools.values()},
        prompts={prompt.name: prompt_spec(p, prompt) for p in providers for prompt in p.prompts.values()},
        resources={one.template: resource_spec(p, one) for p in providers for one in p.resources.values()},
    )


def as_json(catalog: Catalog) -> dict[str, Any]:
    """The catalog as ``tools.json`` holds it; what is false is left out."""
    hints = ("core", "destructive", "idempotent", "starts")
    return {
        "services": {name: service_facts(service) for name, service in catalog.services.items()},
        "tools": {
            name: {"provider": t.provider, "description": t.description, "input_schema": t.input_schema}
            | ({} if t.read_only else {"read_only": False})
            | {hint: True for hint in hints if getattr(t, hint)}
            for name, t in catalog.tools.items()
        },
        "prompts": {
            name: {"provider": prompt.provider, "description": prompt.description, "arguments": prompt.arguments}
            for name, prompt in catalog.prompts.items()
        },
        "resources": [asdict(one) for one in catalog.resources.values()],
    }
