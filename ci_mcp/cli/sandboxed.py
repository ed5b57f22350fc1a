"""What ``--demo`` puts in the place of the real world: the sandbox, with no real token, setting or cache."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ci_mcp.auth.endpoints import Endpoint, variable
from ci_mcp.config import Config
from ci_mcp.core.catalog import find, load
from ci_mcp.core.services import World
from ci_mcp.core.shapes import Place
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import Service, service_names, start

PROJECT = "shop"
BRANCH = "main"


@contextmanager
def demo_world(only: Sequence[str] = (), clock: Clock | None = None) -> Iterator[tuple[World, Store]]:
    """Start the sandbox's services and point every provider at them, until the block ends.

    ``clock`` tells the time in their worlds; by default it begins now.
    """
    # The sandbox may have a service that no provider speaks to.
    names = [name for name in service_names() if name in load().services and (not only or name in only)]
    with start(names, clock=clock) as served, TemporaryDirectory(prefix="ci-mcp-demo-") as folder:
        env = {"CI_MCP_HOME": folder}
        settings = {pair.partition("=")[2] for name in names for pair in load().services[name].settings_env}
        own = {key: value for one in served.values() for key, value in one.env.items() if key in settings}
        world = World(
            Config.load(env),
            own | env,
            given={name: (_endpoint(one), one.token) for name, one in served.items()},
            home={name: _home(one) for name, one in served.items()},
            only=only,
        )
        yield world, Store(Path(folder) / "logs", max_mb=100, max_days=1)


def _home(served: Service) -> Place:
    """The demo's project, and its branch where the vendor knows branches."""
    branch = BRANCH if find(served.name).hooks.branches else ""
    return Place(host=served.host, project=PROJECT, branch=branch)


def _endpoint(served: Service) -> Endpoint:
    """Where a service of the sandbox is; its hosted MCP server, where it has one, is where its environment says."""
    _, mcp_url = variable(load().services[served.name].mcp_env, served.env)
    return Endpoint(served.name, served.host, served.url, mcp_url.removesuffix("/mcp"))
