"""A toy CI behind the hooks: triage knows no vendor, so neither do its tests."""

import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.core.catalog import Catalog
from ci_mcp.core.provider import Hooks, Provider
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Checkout, Failure, Job, Place, Run, RunQuery
from ci_mcp.errors import CiError, NotFoundError
from ci_mcp.logs.store import Store
from ci_mcp.status import Status


@dataclass
class Toy:
    """A CI with these runs, failures and logs; what it is asked for is counted."""

    name: str
    runs: list[Run] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    remote: str = ""
    broken: CiError | None = None
    asked: list[str] = field(default_factory=list)
    numbered: bool = False
    branches: bool = True
    reads: tuple[str, ...] = ()

    @property
    def service(self) -> Service:
        """Its facts."""
        return Service(
            name=self.name,
            title=self.name.title(),
            token_env=(f"{self.name.upper()}_TOKEN",),
            host_env=(f"{self.name.upper()}_HOST",),
            web_hosts=(f"*.{self.name}.example",),
        )

    def provider(self) -> Provider:
        """It as a provider."""
        return Provider(
            self.name,
            service=self.service,
            hooks=Hooks(
                locate=self._locate,
                discover=self._discover,
                runs=self._runs,
                run=self._run,
                failures=self._failures,
                log=self._log,
                numbered=self.numbered,
                branches=self.branches,
                few_logs=self._few_logs if self.reads else None,
            ),
        )

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if self.broken:
            raise self.broken

    async def _locate(self, api: Any, url: str) -> Place | None:
        words = url.split("/")[3:]
        if words[0] == "runs":
            return Place(host=api.host, run=words[1])
        return Place(host=api.host, run="r1", job=words[1]) if words[0] == "jobs" else None

    async def _discover(self, api: Any, here: Checkout) -> list[Place]:
        self._note("discover")
        return [Place(host=api.host, project="web")] if self.remote in here.remotes else []

    async def _runs(self, _: Any, query: RunQuery) -> list[Run]:
        self._note(f"runs {query.branch} {query.commit[:4]} {query.status or ''}".strip())
        return [
            run
            for run in self.runs
            if query.branch in {"", run.branch}
            and query.commit in {"", run.commit}
            and query.status in {None, run.status}
        ][: query.limit]

    async def _run(self, _: Any, run: str) -> Run:
        self._note(f"run {run}")
        found = next((one for one in self.runs if one.id == run), None)
        if found is None:
            raise NotFoundError(f"no run {run}")
        return found

    async def _failures(self, _: Any, run: Run, job: str) -> list[Failure]:
        self._note(f"failures {run.id} {job}".strip())
        return [failure for failure in self.failures if job in {"", failure.job.id}]

    def _few_logs(self, _: Any, jobs: Sequence[Job]) -> tuple[Job, ...]:
        return tuple(job if job.log_id in self.reads else replace(job, log_id="") for job in jobs)

    async def _log(self, _: Any, log: str) -> AsyncIterator[bytes]:
        self._note(f"log {log}")
        yield self.logs[log]


class ToyServices(Services):
    """Services whose providers are toys, reached without HTTP."""

    def __init__(self, toys: list[Toy], folder: Path, home: dict[str, Place] | None = None) -> None:
        given = {
            toy.name: (Endpoint(toy.name, f"ci.{toy.name}.example", f"https://ci.{toy.name}.example"), "t")
            for toy in toys
        }
        world = World(Config.load({"CI_MCP_HOME": str(folder)}), {}, given=given, home=home or {})
        known = Catalog({toy.name: toy.service for toy in [*toys, Toy("other")]}, {})
        super().__init__(world, Store(folder / "logs"), known)
        self.toys = {toy.name: toy.provider() for toy in toys}

    def provider(self, name: str) -> Provider:
        """The toy of that name."""
        return self.toys[name]


@pytest.fixture
def services(tmp_path: Path) -> Callable[..., ToyServices]:
    """Services over toys."""
    return lambda *toys, **more: ToyServices(list(toys), tmp_path, **more)


def make_run(number: int, status: Status, branch: str = "main", commit: str = "", jobs: tuple[Job, ...] = ()) -> Run:
    """A run that began ``number`` hours ago."""
    return Run(
        status=status,
        id=f"r{number}",
        project="web",
        branch=branch,
        commit=commit or f"{number:040x}",
        title=f"Change {number}",
        created=datetime.now(UTC) - timedelta(hours=number),
        duration=61.0,
        jobs=jobs,
    )


@pytest.fixture
def run() -> Callable[..., Run]:
    """Makes runs."""
    return make_run


@pytest.fixture
def toy() -> Callable[..., Toy]:
    """Makes toys."""
    return Toy


@pytest.fixture
def git(home: Path) -> Callable[..., Path]:
    """Makes a git checkout with one commit, on a branch and with remotes, and stands in it."""

    def make(*remotes: str, branch: str = "main", commit: bool = True) -> Path:
        folder = home / "checkout"
        folder.mkdir()
        word = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run([*word, "init", "-q", "-b", branch], check=True)
        for number, remote in enumerate(remotes):
            subprocess.run([*word, "remote", "add", f"origin{number}", remote], check=True)
        if commit:
            subprocess.run([*word, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
        return folder

    return make
