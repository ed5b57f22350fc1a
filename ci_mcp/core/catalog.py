"""Every service, tool, prompt and resource as data, read from ``tools.json``, and the way from there to the code.

Listing tools, ``--help`` and completion need only this: no provider, no pydantic, no httpx.
"""

import json
import os
import pkgutil
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ci_mcp.auth.service import Service

if TYPE_CHECKING:
    from ci_mcp.core.provider import Provider

TOOLS_FILE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "tools.json")  # noqa: PTH118,PTH120 - pathlib costs start-up
TRIAGE = "ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """One tool as a client sees it; the hints mean what they mean in `ci_mcp.core.provider.Tool`."""

    name: str
    provider: str
    description: str
    input_schema: dict[str, Any]
    core: bool = False
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = False
    starts: bool = False

    @property
    def words(self) -> tuple[str, str]:
        """The tool's noun and verb: ``jobs`` and ``logs`` of ``semaphore_jobs_logs``."""
        noun, _, verb = self.name.removeprefix(f"{self.provider}_").rpartition("_")
        return noun, verb


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpec:
    """One prompt as a client sees it; of an argument that is one of a few ``values``, these are completed."""

    name: str
    provider: str
    description: str
    arguments: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSpec:
    """One template of resources as a client sees it."""

    template: str
    provider: str
    name: str
    description: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All services, tools, prompts by name and resources by template, in the order they are shown."""

    services: dict[str, Service]
    tools: dict[str, ToolSpec]
    prompts: dict[str, PromptSpec] = field(default_factory=dict)
    resources: dict[str, ResourceSpec] = field(default_factory=dict)

    def of(self, provider: str) -> list[ToolSpec]:
        """The tools of one provider."""
        return [tool for tool in self.tools.values() if tool.provider == provider]


@cache
def load(path: str = TOOLS_FILE) -> Catalog:
    """The committed catalog."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up
        data = json.load(file)
    return Catalog(
        services={name: _service(name, facts) for name, facts in data["services"].items()},
        tools={name: ToolSpec(name=name, **facts) for name, facts in data["tools"].items()},
        prompts={name: PromptSpec(name=name, **facts) for name, facts in data["prompts"].items()},
        resources={one["template"]: ResourceSpec(**one) for one in data["resources"]},
    )


def _service(name: str, facts: dict[str, Any]) -> Service:
    known: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in facts.items()}
    return Service(name=name, **known)


def provider_names() -> list[str]:
    """The providers whose modules are there, by name."""
    providers = import_module("ci_mcp.providers")
    return sorted(module.name for module in pkgutil.iter_modules(providers.__path__))


def find(name: str) -> "Provider":
    """The provider of that name, its module imported; ``ci`` is triage, which is made the same way."""
    module = "ci_mcp.triage.tools" if name == TRIAGE else f"ci_mcp.providers.{name}"
    provider: Provider = import_module(module).provider
    return provider


def service_facts(service: Service) -> dict[str, Any]:
    """A service as ``tools.json`` keeps it: what is empty or false is left out, the name is the key."""
    pairs = ((one.name, getattr(service, one.name)) for one in fields(service) if one.name != "name")
    return {key: list(value) if isinstance(value, tuple) else value for key, value in pairs if value}
