"""The sandbox answers as a real master did: every exchange that was recorded with one is sent to it again.

Paths have names in braces where ids stood. Compared are the status, the kind of content, the names and types of all
fields, and the words of errors that a client made.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildbot import world
from ci_mcp.sandbox.plan import Clock

_RECORDED = [json.loads(line) for line in (Path(__file__).parent / "recorded.jsonl").read_text("utf-8").splitlines()]
# What stands for the recorded master's builders and steps.
_BUILDERS = {"no steps": "skips", "sub": "inner/one"}
_BUILDS = {"shop": "main-8", "slow:stopped": "slow-0", "slow:lost": "lost-1", "slow": "slow-0", "no steps": "skips-1",
           "sub": "inner-1", "inner/one": "inner-1", "many steps": "many-1"}  # fmt: skip
_STEPS = {"test": "unit tests", "links": "report", "never": "deploy", "setproperty": "version", "err only": "build",
          "hang": "index", "maxtime": "all", "big": "index"}  # fmt: skip
_FREE = {"properties", "workerinfo"}  # objects whose names are no fields
_MADE = world.make_world(Clock(0))


def _build(name: str) -> world.Build:
    bare = name.removesuffix(":stopped") if name.startswith("many") else name
    return _MADE.keys[_BUILDS.get(bare) or next(key for key in _MADE.keys if key.startswith(f"{bare}-"))]


def _filled(template: str) -> str:
    """A path with the sandbox's ids in the place of names."""

    def fill(found: re.Match[str]) -> str:
        kind, _, name = found[1].partition(":")
        if kind == "builder":
            return str(next(one.id for one in _MADE.builders if one.name == _BUILDERS.get(name, name)))
        if kind in {"build", "number"}:
            build = _build(name)
            return str(build.id if kind == "build" else build.number)
        builder, step, *slug = name.split(":")
        steps = {one.spec.name: one for one in _build(builder).steps}
        thing: Any = steps[_STEPS.get(step, step)]
        if slug:
            thing = next(log for log in thing.logs if log.slug == slug[0])
        return str(thing.id)

    return re.sub(r"\{([^}]+)\}", fill, template).replace("/workers/w1", "/workers/worker-1")


def _alike(recorded: Any, answered: Any, name: str = "") -> bool:
    """True for values of the same type and the same fields; what may be null may be so on one side."""
    if recorded is None or answered is None or name in _FREE:
        return True
    if isinstance(recorded, dict):
        same = isinstance(answered, dict) and set(recorded) == set(answered)
        return same and all(_alike(value, answered[key], key) for key, value in recorded.items())
    if isinstance(recorded, list):
        pairs = [(one, other) for one in recorded for other in answered] if isinstance(answered, list) else [(0, "")]
        return not pairs or any(_alike(one, other) for one, other in pairs)
    return type(recorded) is type(answered)


@pytest.mark.parametrize(
    "exchange", _RECORDED, ids=[f"{number}-{one.get('note', one['path'])}" for number, one in enumerate(_RECORDED)]
)
def test_it_answers_as_it_was_recorded(exchange: dict[str, Any], make_client: Callable[..., httpx.Client]) -> None:
    """Status, kind of content, fields and their types, and the words for bad requests."""
    login = exchange.get("login", "")
    auth = {"basic": (world.USER, world.PASSWORD), "wrong": (world.USER, "wrong")}.get(login)
    user = login.removeprefix("session ") if login.startswith("session") else ""
    client = make_client(exchange["mode"], user=user, headers={"Accept": "*/*"}, auth=auth)
    sent = json.dumps(exchange["sent"]) if isinstance(exchange.get("sent"), dict) else exchange.get("sent")
    headers = exchange.get("headers", {}) | (
        {"Content-Type": "application/json"} if isinstance(exchange.get("sent"), dict) else {}
    )
    content = _filled_text(sent) if sent is not None else None
    answer = client.request(exchange["method"], _filled(exchange["path"]), content=content, headers=headers)
    assert exchange["status"] == answer.status_code, answer.text[:500]
    if exchange.get("content_type"):
        assert exchange["content_type"] == answer.headers["content-type"] or "html" in answer.headers["content-type"]
    if "body" in exchange and exchange["method"] != "HEAD":
        recorded, answered = exchange["body"], answer.json()
        assert _alike(recorded, answered), (recorded, answered)
        if answer.status_code == 400:
            assert recorded == answered


def _filled_text(text: str) -> str:
    return re.sub(r'"\{builder:([^}]+)\}"', lambda found: _filled(found[0].strip('"')), text)
