"""Which of the catalog's tools a client is offered."""

from collections.abc import Sequence
from dataclasses import dataclass

from ci_mcp.core.catalog import TRIAGE, Catalog, ToolSpec


@dataclass(frozen=True, slots=True)
class Offer:
    """A choice of tools: ``core`` or ``all``, with those that change something or without."""

    toolset: str = "core"
    read_only: bool = False

    def tools(self, catalog: Catalog, providers: Sequence[str]) -> dict[str, ToolSpec]:
        """The offered tools by name: triage's always, a provider's where it is configured."""
        return {
            name: spec
            for name, spec in catalog.tools.items()
            if spec.provider in {TRIAGE, *providers}
            and (self.toolset == "all" or spec.core)
            and (spec.read_only or not self.read_only)
        }
