"""Every tool against every fault of its service: it ends in time, with the right error or an answer that says enough."""

import asyncio
import contextlib
import gzip
import json
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.errors import CiError
from ci_mcp.sandbox.serve import Service, service_names, start

pytestmark = pytest.mark.anyio

DEADLINE = 2.0  # seconds that a call is given here
PATIENCE = 20.0  # seconds by which it must have ended: a busy machine is no fault
AT_ONCE = 40  # most of them wait
MOST = 4 << 20  # bytes of a body that are taken here: to fill 64 MB for every tool takes a minute
BOMB = gzip.compress(bytes(5 << 20), 9)
DEEP = b"[" * 200_000
PROVIDERS = [name for name in service_names() if name in load().services]
UNASKED = {"ci_echo"}
BUSY = {"timed_out", "usage"}  # a slow machine; and what was started, stopped or approved before cannot be so again
CANNOT = {"ci_rerun": {"unsupported"}}  # a service that only reads says so before anything else


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil an answer, and the kinds of error that tell of it; ``answers``: a call may still succeed."""

    spoil: Callable[[Any, Any], Any]
    kinds: set[str] = field(default_factory=set)
    answers: bool = False


def status(code: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Callable[[Any, Any], Any]:
    """An answer of another status."""
    pairs = [("content-type", kind), *((name.replace("_", "-"), value) for name, value in headers.items())]

    async def spoil(answered: Any, writer: Any) -> None:
        other = replace(answered, status=code, headers=pairs, body=body)
        writer.write(other.head() + body)
        await writer.drain()

    return spoil


def sent(head: Callable[[Any], bytes], *, hang: bool = False, after: float = 0.0) -> Callable[[Any, Any], Any]:
    """Other bytes than those of the answer; ``hang``: then nothing more."""

    async def spoil(answered: Any, writer: Any) -> None:
        await asyncio.sleep(after)
        writer.write(head(answered))
        await writer.drain()
        if hang:
            await asyncio.sleep(PATIENCE)

    return spoil


async def reset(_: Any, writer: Any) -> None:
    """The connection is reset, not closed."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def drip(answered: Any, writer: Any) -> None:
    """One byte after the other, for ever."""
    for byte in answered.head(1 << 30):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


def changed(change: Callable[[Any, random.Random], Any], seed: int) -> Callable[[Any, Any], Any]:
    """The answer's JSON with its values changed; every request's in its own way, the same in every run."""

    async def spoil(answered: Any, writer: Any) -> None:
        with contextlib.suppress(ValueError):
            chance = random.Random(f"{seed} {answered.request}")  # noqa: S311 - the same numbers every time are wanted
            answered.body = json.dumps(change(json.loads(answered.body), chance)).encode()
        writer.write(answered.head() + answered.body)
        await writer.drain()

    return spoil


def wrong_types(value: Any, chance: random.Random) -> Any:
    """A third of the leaves become something of another type."""
    if isinstance(value, dict):
        return {key: wrong_types(item, chance) for key, item in value.items()}
    if isinstance(value, list):
        return [wrong_types(item, chance) for item in value]
    odd = [7, -1.5e300, "x", "", True, [], ["x"], {}, {"x": [1]}, "2026-99-99T99:99:99Z", 10**30]
    return chance.choice(odd) if chance.random() < 1 / 3 else value


def nulls(value: Any, chance: random.Random) -> Any:
    """A quarter of everything becomes null."""
    if chance.random() < 1 / 4:
        return None
    if isinstance(value, dict):
        return {key: nulls(item, chance) for key, item in value.items()}
    return [nulls(item, chance) for item in value] if isinstance(value, list) else value


def missing(value: Any, chance: random.Random) -> Any:
    """A quarter of all fields are not there."""
    if isinstance(value, dict):
        return {key: missing(item, chance) for key, item in value.items() if chance.random() > 1 / 4}
    return [missing(item, chance) for item in value] if isinstance(value, list) else value


def endless(value: Any, _: random.Random) -> Any:
    """Whatever tells of a next page tells of one."""
    more = {
        "next_page_token": "again",
        "nextPageToken": "again",
        "has_next": True,
        "has_more": True,
        "hasNextPage": True,
    }
    if isinstance(value, dict):
        return {key: more.get(key, endless(item, _)) for key, item in value.items()}
    return [endless(item, _) for item in value] if isinstance(value, list) else value


async def endless_links(answered: Any, writer: Any) -> None:
    """A page that is followed by itself, by link, by token or by number."""
    path = answered.request.split()[1]
    answered.headers = [pair for pair in answered.headers if pair[0].lower() != "link"]
    if answered.request.startswith("GET"):
        answered.headers += [("link", f'<{path}>; rel="next"')]
    await changed(endless, 0)(answered, writer)


HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"
DOWN = {"unreachable"}
NONSENSE = {"bad_answer", "unreachable"}
LATE = {"timed_out", "unreachable"}
LIMITED = {"rate_limited", "timed_out"}
FAULTS = {
    "late": Fault(sent(lambda a: a.head() + a.body, after=0.03), answers=True),
    "stalls before the answer": Fault(sent(lambda _: b"", hang=True), LATE),
    "stalls inside the body": Fault(sent(lambda a: a.head() + a.body[: len(a.body) // 2], hang=True), LATE, answers=True),
    "drips": Fault(drip, LATE),
    "resets": Fault(reset, DOWN),
    "hangs up": Fault(sent(lambda _: b""), DOWN),
    "truncates the body": Fault(sent(lambda a: a.head(len(a.body) + 9) + a.body[: len(a.body) // 2]), DOWN),
    "sends more than it says": Fault(sent(lambda a: a.head(len(a.body) // 2) + a.body), NONSENSE, answers=True),
    "speaks no HTTP": Fault(sent(lambda _: b"SSH-2.0-OpenSSH_9.7\r\n"), NONSENSE),
    "breaks its chunks": Fault(sent(lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), NONSENSE),
    "500": Fault(status(500, b"Internal error"), {"unreachable", "bad_answer"}),
    "502 of a proxy": Fault(status(502, HTML, "text/html"), DOWN),
    "503": Fault(status(503, b"down", retry_after="0"), DOWN),
    "504": Fault(status(504), DOWN),
    "429": Fault(status(429, b"slow down"), LIMITED),
    "429 for a moment": Fault(status(429, b"slow down", retry_after="1"), LIMITED),
    "429 for an hour": Fault(status(429, b"{}", "application/json", retry_after="3600"), LIMITED),
    "429 with a reset": Fault(status(429, b"", ratelimit_remaining="0", ratelimit_reset="3600"), LIMITED),
    "401": Fault(status(401, b"Unauthorized"), {"auth"}),
    "403": Fault(status(403, b"Forbidden"), {"permission"}),
    "404": Fault(status(404, b"Not found"), {"not_found", "unsupported", "permission"}, answers=True),
    "418": Fault(status(418, b"teapot"), {"bad_answer"}),
    "a page to sign in": Fault(status(200, HTML, "text/html"), {"bad_answer"}, answers=True),
    "an empty body": Fault(status(200, b"", "application/json"), {"bad_answer"}, answers=True),
    "broken JSON": Fault(sent(lambda a: a.head(len(a.body) // 2) + a.body[: len(a.body) // 2]), {"bad_answer", "unreachable"}, answers=True),
    "deep JSON": Fault(status(200, DEEP, "application/json"), {"bad_answer"}, answers=True),
    "null": Fault(status(200, b"null", "application/json"), {"bad_answer", "not_found"}, answers=True),
    "a number": Fault(status(200, b"17", "application/json"), {"bad_answer", "not_found"}, answers=True),
    "an empty object": Fault(status(200, b"{}", "application/json"), {"bad_answer", "not_found"}, answers=True),
    "pages without end": Fault(endless_links, {"bad_answer", "timed_out", "usage"}, answers=True),
    "a redirect to itself": Fault(status(302, location="?"), {"bad_answer"}),
    "a redirect to a file": Fault(status(302, location="file:///etc/passwd"), {"bad_answer"}),
    "a redirect to another scheme": Fault(status(301, location="gopher://127.0.0.1:70/"), {"bad_answer"}),
    "a bomb": Fault(status(200, BOMB, "application/json", content_encoding="gzip"), {"bad_answer", "timed_out"}, answers=True),
    "broken compression": Fault(status(200, b"\x1f\x8b\x08\0junk", "application/json", content_encoding="gzip"), {"bad_answer"}),
    "an odd compression": Fault(status(200, b"[]", "application/json", content_encoding="br"), {"bad_answer"}),
}  # fmt: skip
ODD = {
    "usage",
    "auth",
    "permission",
    "not_found",
    "unsupported",
    "bad_answer",
    "timed_out",
    "rate_limited",
    "unreachable",
}
CHANGES = {"wrong types": wrong_types, "nulls": nulls, "missing fields": missing}


def tools_of(name: str) -> list[str]:
    """The tools that ask this service."""
    return [spec.name for spec in [*load().of(name), *load().of(TRIAGE)] if spec.name not in UNASKED]


async def outcomes(  # noqa: PLR0913, PLR0917 - what a round is made of
    name: str, fault: Fault, service: Service, calls: Any, proxied: Any, services_of: Any, tally: Any
) -> list[str]:
    """What is wrong with the outcome of any tool; empty where all is well."""
    slots, wrong = asyncio.Semaphore(AT_ONCE), []

    async def one(tool: str) -> None:
        async with slots, proxied(service, fault.spoil) as (spoilt, proxy), services_of(spoilt) as services:
            arguments = {"target": f"{name}:shop"} if tool.startswith("ci_") else calls[tool]
            try:
                async with asyncio.timeout(PATIENCE):
                    said = (await call(services, tool, arguments, deadline=DEADLINE)).text
                kind = "answer"
            except CiError as error:
                said, kind = str(error), error.kind
            except Exception as error:  # noqa: BLE001 - which is what this looks for
                said, kind = f"{type(error).__name__}: {error}", "CRASH"
            if not proxy.seen and kind != "timed_out":
                wrong.append(f"{tool}: asked nothing")
            elif not (
                kind in fault.kinds | BUSY | CANNOT.get(tool, set())
                or (kind == "answer" and (fault.answers or '"note"' in said))
            ):
                wrong.append(f"{tool}: {kind} for {sorted(fault.kinds)}: {said[:300]}")
            elif kind == "usage" and load().tools[tool].read_only and "usage" not in fault.kinds:
                wrong.append(f"{tool}: blames the caller: {said[:300]}")
            elif (service.token and service.token in said) or spoilt.url in said or "Traceback" in said:
                wrong.append(f"{tool}: says too much: {said[:300]}")

    tools = tools_of(name)
    await asyncio.gather(*(one(tool) for tool in tools))
    tally("faults of a service under a tool", len(tools))
    tally("calls past their deadline", sum("CRASH" in one and "TimeoutError" in one for one in wrong))
    return wrong


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_service_ends_in_an_error_that_tells_of_it(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    fault: str,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    tally: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For every tool, in time, without a secret; the proxy has seen that the service was asked."""
    monkeypatch.setattr("ci_mcp.net.answer.BODY_MAX", MOST)
    wrong = await outcomes(name, FAULTS[fault], sandbox[name], calls, proxied, services_of, tally)
    assert [] == wrong


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("change", CHANGES)
async def test_an_answer_of_another_shape_is_no_crash(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    change: str,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    hostile: int,
    tally: Any,
) -> None:
    """Whatever a service leaves out, nulls or gives in another type: an answer, or an error of ours."""
    for seed in range(2 * hostile):
        fault = Fault(changed(CHANGES[change], seed), ODD, answers=True)
        assert [] == await outcomes(name, fault, sandbox[name], calls, proxied, services_of, tally)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_every_tool_has_a_good_call_to_be_spoilt(name: str, calls: Any, services_of: Any) -> None:
    """Without a fault it answers: what the others show is the fault's doing."""
    with start([name]) as fresh:
        async with services_of(fresh[name]) as services:
            for spec in load().of(name):
                assert (await call(services, spec.name, calls[spec.name])).text
