"""Routes of flaky tests: which fail now and then, when they did, and how many there were each day."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.semaphore.answers import (
    page_of,
    said,
    text,
    token_sent,
    visible_project,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.model import make_commit, make_id
from ci_mcp.sandbox.semaphore.runs import DAY
from ci_mcp.sandbox.semaphore.world import NO_FEATURES_TOKEN, PROJECTS, World, job_id

Json = dict[str, Any]
NOT_ENABLED = "Feature is not enabled for your organization"
_PAGE_SIZE, _DISRUPTIONS_PAGE_SIZE, _MOST = 20, 10, 100
_COMPARE: dict[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, ">": gt, "<": lt, "": eq}


@dataclass(frozen=True, slots=True)
class Flaky:
    """A flaky test.

    Attributes:
        module: its module, as JUnit's ``classname``.
        name: its name.
        pass_rate: how many of a hundred runs pass.
        disruptions: how many days ago it failed, newest first, each with its branch.
        job: the workflow, block and job in which it failed last.
        age: days since it was first seen.
        total: how often it ran.
    """

    module: str
    name: str
    pass_rate: int
    disruptions: tuple[tuple[float, str], ...]
    job: tuple[str, str, str]
    age: int
    total: int
    p95: float
    labels: tuple[str, ...] = ()
    resolved: bool = False
    ticket: str = ""

    @property
    def id(self) -> str:
        """Its id, that of the test in reports."""
        return make_id("test", "pytest", self.module, self.name)

    @property
    def file(self) -> str:
        """Where it is."""
        return self.module.replace(".", "/") + ".py"


def _daily(count: int, branch: str = "main") -> tuple[tuple[float, str], ...]:
    return tuple((0.4 + number * 1.7, branch if number % 3 else "main") for number in range(count))


_ORDERS = ("nightly-1", "Integration", "orders - 1/2")
_TICKET = "https://github.com/acme/shop/issues/317"
FLAKY = (
    Flaky("integration.test_orders", "test_an_order_is_kept", 71, _daily(14, "orders"), _ORDERS, 33, 48, 2.4,
          ("slow",)),
    Flaky("integration.test_orders", "test_an_order_can_be_cancelled", 83, _daily(8, "orders"), _ORDERS, 21, 47, 1.9),
    Flaky("tests.test_checkout", "test_shipping_is_free_from_fifty_euros", 94, _daily(3, "search"),
          ("main-4", "Unit tests", "pytest"), 12, 61, 0.1, ticket=_TICKET),
    Flaky("tests.test_checkout", "test_vat_of_a_gross_amount", 99, _daily(1),
          ("pull-request-42-2", "Unit tests", "pytest"), 58, 61, 0.1, resolved=True),
)  # fmt: skip


async def list_flaky(request: Request) -> Response:
    """``GET /projects/{id}/test_results/flaky_tests``: 20 a page, 100 at most."""
    world, found = world_of(request), _tests(request)
    fields = {"pass_rate": lambda one: one.pass_rate, "age": lambda one: one.age, "test_name": lambda one: one.name}
    key = fields.get(request.query_params.get("sort_field", ""), lambda one: len(one.disruptions))
    found = sorted(found, key=key, reverse=request.query_params.get("sort_dir", "desc") != "asc")
    return page_of(request, found, lambda one: _listed(world, one), size=_PAGE_SIZE, most=_MOST)


async def get_flaky(request: Request) -> Response:
    """``GET /projects/{id}/test_results/flaky_tests/{test}``: by branch."""
    world, item = world_of(request), _asked(request)
    branches = Counter(branch for _, branch in item.disruptions)
    contexts = [
        {
            "context": branch,
            "pass_rate": item.pass_rate,
            "p95_duration": item.p95,
            "impact": round(count / len(item.disruptions), 2),
            "total_count": item.total,
            "disruptions_count": count,
            "hash": make_commit(item.id, branch),
            "disruption_timestamp": _day(world.clock, next(age for age, name in item.disruptions if name == branch)),
        }
        for branch, count in branches.most_common()
    ]
    return said(
        {
            "id": item.id,
            "name": item.name,
            "group": item.module,
            "runner": "pytest",
            "file": item.file,
            "labels": list(item.labels),
            "available_contexts": list(branches),
            "selected_context": request.query_params.get("branch", ""),
            "contexts": contexts,
        }
    )


async def list_disruptions(request: Request) -> Response:
    """``GET /projects/{id}/test_results/flaky_tests/{test}/disruptions``: 10 a page."""
    world, item = world_of(request), _asked(request)

    def shape(number: int) -> Json:
        age, branch = item.disruptions[number]
        return {
            "context": branch,
            "hash": make_commit(item.id, number),
            "run_id": _run_id(item),
            "timestamp": _day(world.clock, age),
        }

    return page_of(request, range(len(item.disruptions)), shape, size=_DISRUPTIONS_PAGE_SIZE, most=_MOST)


async def flaky_history(request: Request) -> Response:
    """``GET /projects/{id}/test_results/flaky_history``: how many tests were flaky each day."""
    found = _tests(request)
    days = Counter(day for one in found for day in {int(age) for age, _ in one.disruptions})
    return said(_history(world_of(request).clock, days))


async def disruption_history(request: Request) -> Response:
    """``GET /projects/{id}/test_results/disruption_history``: how often they failed each day."""
    days = Counter(int(age) for one in _tests(request) for age, _ in one.disruptions)
    return said(_history(world_of(request).clock, days))


def feature_project(request: Request) -> str:
    """The name of the project whose flaky tests or insights are asked for.

    Raises:
        Refused: the organization does not have them, or the token may not see the project.
    """
    if token_sent(request) == NO_FEATURES_TOKEN:
        raise Refused(text(404, NOT_ENABLED))
    return visible_project(request.path_params["project_id"]).name


def _tests(request: Request) -> list[Flaky]:
    if feature_project(request) != PROJECTS["shop"].name:
        return []
    return [one for one in FLAKY if _matches(request, one)]


def _matches(request: Request, item: Flaky) -> bool:
    query = request.query_params
    texts = {"test_name": item.name, "group": item.module, "file": item.file, "suite": item.module, "runner": "pytest"}
    numbers = {"pass_rate": item.pass_rate, "disruptions": len(item.disruptions), "age": item.age}
    branch, label, resolved = query.get("branch"), query.get("label"), query.get("resolved")
    return (
        all(query.get(key, "").lower() in value.lower() for key, value in texts.items())
        and all(_compares(query.get(key, ""), value) for key, value in numbers.items())
        and (not branch or branch in {name for _, name in item.disruptions})
        and (not label or bool(set(label.split(",")) & set(item.labels)))
        and (not resolved or (resolved == "true") == item.resolved)
        and query.get("scheduled") != "true"
    )


def _compares(wanted: str, value: float) -> bool:
    """True where a number is as a filter such as ``>=30`` wants it; what cannot be read is passed over."""
    found = re.fullmatch(r"(>=|<=|>|<|)\s*(\d+)", wanted.strip())
    return not found or _COMPARE[found[1]](value, int(found[2]))


def _asked(request: Request) -> Flaky:
    test_id = request.path_params["test_id"]
    found = next((one for one in FLAKY if one.id == test_id), None)
    if feature_project(request) != PROJECTS["shop"].name or not found:
        raise Refused(said("Not found", 404))
    return found


def _listed(world: World, item: Flaky) -> Json:
    days = Counter(int(age) for age, _ in item.disruptions)
    return {
        "test_id": item.id,
        "test_name": item.name,
        "test_group": item.module,
        "test_runner": "pytest",
        "test_file": item.file,
        "test_suite": item.module,
        "pass_rate": item.pass_rate,
        "labels": list(item.labels),
        "disruptions_count": len(item.disruptions),
        "latest_disruption_hash": make_commit(item.id, 0),
        "latest_disruption_run_id": _run_id(item),
        "resolved": item.resolved,
        "scheduled": False,
        "ticket_url": item.ticket,
        "age": item.age,
        "latest_disruption_at": _day(world.clock, item.disruptions[0][0]),
        "first_disruption_at": _day(world.clock, item.disruptions[-1][0]),
        "disruption_history": _history(world.clock, days),
    }


def _run_id(item: Flaky) -> str:
    """The job in which a test failed last: the service calls it a run."""
    return job_id("shop", *item.job)


def _history(clock: Clock, days: Counter[int]) -> list[Json]:
    return [{"day": _day(clock, age, whole=True), "count": count} for age, count in sorted(days.items(), reverse=True)]


def _day(clock: Clock, age: float, *, whole: bool = False) -> str:
    moment = dt.datetime.fromtimestamp(int(clock.unix(-age * DAY)), dt.UTC)
    return f"{moment:%Y-%m-%d} 00:00:00Z" if whole else f"{moment:%Y-%m-%d %H:%M:%S}Z"


_BASE = "/api/v1alpha/projects/{project_id}/test_results"
ROUTES = [
    Route(f"{_BASE}/flaky_tests", list_flaky),
    Route(f"{_BASE}/flaky_tests/{{test_id}}", get_flaky),
    Route(f"{_BASE}/flaky_tests/{{test_id}}/disruptions", list_disruptions),
    Route(f"{_BASE}/flaky_history", flaky_history),
    Route(f"{_BASE}/disruption_history", disruption_history),
]
