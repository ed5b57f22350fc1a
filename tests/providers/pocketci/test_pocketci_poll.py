"""A run that goes on is looked at for one request, in turns for its tasks and for itself."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run
from ci_mcp.providers.pocketci import hooks
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio
Make = Callable[..., Services]


async def test_a_running_run_is_polled_for_one_request(services: Make, service: Service, demo: Any) -> None:
    """Now for itself, then for its tasks; it stands as it did."""
    async with services() as made:
        api = made.api("pocketci")
        seen: Run = await hooks.run(api, demo.RUNNING_RUN)
        for _ in range(3):
            service.requests.clear()
            now = await hooks.poll(api, seen)
            assert 1 == service.requests.total()
            assert (seen.status, seen.counts, seen.jobs) == (now.status, now.counts, now.jobs)
            seen = now


async def test_a_polled_run_is_seen_to_end(services: Make, demo: Any) -> None:
    """With the jobs that failed."""
    async with services() as made:
        api = made.api("pocketci")
        seen: Run = await hooks.run(api, demo.SHOP_FAILS_SOON_RUN)
        with anyio.fail_after(30):
            while not seen.status.finished:
                await anyio.sleep(0.2)
                seen = await hooks.poll(api, seen)
    assert Status.FAILED is seen.status
    assert [job.status for job in seen.jobs].count(Status.FAILED)


async def test_a_run_of_a_list_is_polled_as_it_is_read(services: Make, demo: Any) -> None:
    """For a list remembers nothing."""
    async with services() as made:
        seen = await hooks.poll(made.api("pocketci"), Run(status=Status.RUNNING, id=demo.SHOP_RUN))
    assert Status.FAILED is seen.status
