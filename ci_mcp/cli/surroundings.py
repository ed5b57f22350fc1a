"""What ``setup`` finds around it: the CI services in use, what they build here, and our own program."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ci_mcp.agents.base import Machine, names_for
from ci_mcp.cli.context import Options, run_async

if TYPE_CHECKING:
    from ci_mcp.auth.service import Service
    from ci_mcp.core.services import Services

PATIENCE = 15.0  # seconds for all services together

# What runs a program once, its words before the program's own, and the folders of its own that go away.
_RUNNERS: Final = (
    ("uvx", ("ci-mcp",), re.compile(r"/archive-v0/")),
    ("pipx", ("run", "ci-mcp"), re.compile(r"/pipx/(?:\.cache/)?[0-9a-f]{15}/")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was found.

    Attributes:
        services: every service by name.
        configured: those with a token or a server.
        built: those whose files are in the checkout.
        projects: provider and project, as the services themselves told.
    """

    services: "Mapping[str, Service]"
    configured: tuple[str, ...]
    built: tuple[str, ...]
    projects: tuple[tuple[str, str], ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the environment variables of the services in use; of all where none is."""
        used = [service for name, service in self.services.items() if name in {*self.configured, *self.built}]
        return names_for(used or self.services.values())

    def guide(self) -> tuple[str, bool]:
        """The guide's section, and whether a service told what it names."""
        from ci_mcp.agents.guide import section

        told = {name for name, _ in self.projects}
        known = [*self.projects, *((name, "") for name in self.built if name not in told)]
        return section([(name, self.services[name].title, project) for name, project in known]), bool(self.projects)


def look_round(options: Options, root: Path | None, *, ask: bool) -> Surroundings:
    """Look which services are in use; inside a checkout, and where ``ask`` is true, ask them what they build here."""

    async def look(opened: "Services") -> Surroundings:
        services = opened.catalog.services
        return Surroundings(
            services=services,
            configured=tuple(opened.configured()),
            built=built_by(services, root),
            projects=await _projects(opened) if root and ask and opened.configured() else (),
        )

    return run_async(options, look)


def built_by(services: "Mapping[str, Service]", root: Path | None) -> tuple[str, ...]:
    """The services whose files are in a checkout."""
    if root is None:
        return ()
    return tuple(name for name, one in services.items() if any((root / file).exists() for file in one.ci_files))


async def _projects(opened: "Services") -> tuple[tuple[str, str], ...]:
    import anyio

    from ci_mcp.errors import CiError
    from ci_mcp.triage.target import find

    found: list[tuple[str, str]] = []
    with anyio.move_on_after(PATIENCE):
        try:
            found = [(target.provider, target.place.project) for target in (await find(opened, "")).targets]
        except CiError:  # a guide without projects is a guide too; `doctor` says what is wrong
            return ()
    return tuple(sorted({(name, project) for name, project in found if project}))


def program(machine: Machine) -> tuple[str, tuple[str, ...]]:
    """The absolute path of the program that runs now, and what stands before its own arguments."""
    if getattr(sys, "frozen", False):
        return os.path.abspath(sys.executable), ()  # noqa: PTH100 - links stay: an upgrade moves what they lead to
    started = machine.which(sys.argv[0]) or ""
    for name, words, once in _RUNNERS:
        runner = machine.which(name)
        if runner and once.search(Path(started).as_posix()):
            return os.path.abspath(runner), words  # noqa: PTH100 - see above
    beside = Path(sys.executable).with_name("ci-mcp.exe" if machine.system == "win32" else "ci-mcp")
    name = Path(started).name.lower().removesuffix(".exe")
    found = started if name == "ci-mcp" else str(beside) if beside.exists() else machine.which("ci-mcp")
    if found:
        return os.path.abspath(found), ()  # noqa: PTH100 - see above
    return sys.executable, ("-m", "ci_mcp")
