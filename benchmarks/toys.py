"""A CI made of nothing but numbers, behind the hooks: as many runs, jobs, failures and bytes of log as one asks for."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.core.catalog import Catalog
from ci_mcp.core.provider import Hooks, Provider
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Failure, Job, Place, Run, RunQuery
from ci_mcp.logs.store import Store
from ci_mcp.status import Status

FAILURE = """\
##[group]pytest
E       AssertionError: assert 1790 == 1800
tests/test_cart.py:29: AssertionError
##[error]Process completed with exit code 1.
"""
_GREEN = "tests/test_{}.py::test_{} PASSED\n"


@dataclass
class Toy:
    """A CI with runs of so many jobs, of which some failed, and what it was asked for."""

    name: str
    jobs: int = 10
    failed: int = 3
    log: int = 10_000
    history: int = 20
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def service(self) -> Service:
        """Its facts."""
        return Service(name=self.name, title=self.name.title(), web_hosts=(f"*.{self.name}.example",))

    def provider(self) -> Provider:
        """It as a provider."""
        hooks = Hooks(runs=self._runs, run=self._run, failures=self._failures, log=self._log)
        return Provider(self.name, service=self.service, hooks=hooks)

    def made(self, number: int) -> Run:
        """The run that began ``number`` hours ago; the newest has failed."""
        return Run(
            status=Status.PASSED if number else Status.FAILED,
            id=f"r{number}",
            project="web",
            branch="main",
            commit=f"{number + 1:040x}",
            title=f"Change {number}",
            created=datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=number),
            duration=61.0,
        )

    def _jobs(self) -> tuple[Job, ...]:
        # The failed ones stand among the others, as in a matrix.
        step = max(1, self.jobs // max(1, self.failed))
        bad = {number * step for number in range(self.failed)}
        return tuple(
            Job(status=Status.FAILED if number in bad else Status.PASSED, name=f"shard {number}", id=f"j{number}",
                log_id=f"log{number}" if number in bad else "")
            for number in range(self.jobs)
        )  # fmt: skip

    async def _runs(self, _: Any, query: RunQuery) -> list[Run]:
        self.asked["runs"] += 1
        made = (self.made(number) for number in range(self.history))
        return [one for one in made if query.status in {None, one.status}][: query.limit]

    async def _run(self, _: Any, run: str) -> Run:
        self.asked["run"] += 1
        return replace(self.made(int(run[1:])), jobs=self._jobs())

    async def _failures(self, _: Any, run: Run, job: str) -> list[Failure]:
        self.asked["failures"] += 1
        return [Failure(job=one) for one in run.jobs if one.status.bad and job in {"", one.id}]

    async def _log(self, _: Any, log: str) -> AsyncIterator[bytes]:
        self.asked["log"] += 1
        green = "".join(_GREEN.format(number % 7, number) for number in range(max(0, self.log // 36)))
        yield f"{log}\n{green}{FAILURE}".encode()


class ToyServices(Services):
    """Services whose providers are toys, reached without HTTP."""

    def __init__(self, toys: Sequence[Toy], folder: str) -> None:
        """Point every toy's place at its newest run."""
        given = {toy.name: (Endpoint(toy.name, f"ci.{toy.name}.example", f"https://ci.{toy.name}.example"), "t")
                 for toy in toys}  # fmt: skip
        home = {toy.name: Place(host=f"ci.{toy.name}.example", project="web", branch="main") for toy in toys}
        world = World(Config.load({"CI_MCP_HOME": folder}), {}, given=given, home=home)
        super().__init__(world, Store(Path(folder) / "logs"), Catalog({toy.name: toy.service for toy in toys}, {}))
        self._toys = {toy.name: toy.provider() for toy in toys}

    def provider(self, name: str) -> Provider:
        """The toy of that name."""
        return self._toys[name]
