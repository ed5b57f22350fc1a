"""Against real sockets: what a transport made for tests would not do."""

import asyncio
import gzip
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.errors import BadAnswerError, CiError, TimedOutError, UnreachableError
from ci_mcp.net import client as client_module
from ci_mcp.net.api import HttpApi

pytestmark = pytest.mark.anyio

MakeApi = Callable[..., HttpApi]
Listen = Callable[..., AbstractAsyncContextManager[str]]

OK = b"HTTP/1.1 200 OK\r\n"


def saying(*pieces: bytes, then: float = 0) -> Any:
    """A server that writes these bytes, waits, and goes away."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await asyncio.sleep(then)

    return talk


async def drain(api: HttpApi, got: bytearray) -> None:
    """Read a whole stream."""
    async with api.stream("/log") as chunks:
        async for chunk in chunks:
            got += chunk


@pytest.mark.parametrize(
    ("pieces", "kind", "told"),
    [
        ([], UnreachableError, "cut the connection"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], BadAnswerError, "not HTTP"),
        ([OK, b"Content-Length: 10\r\n\r\nfive5"], UnreachableError, "cut the connection"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\n"], UnreachableError, "cut the connection"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], BadAnswerError, "not HTTP"),
        ([OK, b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"], BadAnswerError, "compression"),
        ([b"HTTP/1.1 502 Bad\r\nContent-Length: 9\r\n\r\n<h1>x"], UnreachableError, "answered 502"),
    ],
)
async def test_a_broken_answer_is_one_of_our_errors(
    make_api: MakeApi, listen: Listen, pieces: list[bytes], kind: type[CiError], told: str
) -> None:
    """Cut off, not HTTP, damaged: each is told apart."""
    async with listen(saying(*pieces)) as url, make_api(base_url=url) as api:
        with pytest.raises(kind, match=told):
            await api.get("/x")


async def test_a_body_that_breaks_off_is_fetched_again(make_api: MakeApi, listen: Listen, slept: list[float]) -> None:
    """A get is whole or it is an error."""
    count = 0

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writer.write(OK + b"Content-Length: 4\r\n\r\n" + (b"good" if count > 1 else b"go"))
        await writer.drain()

    async with listen(talk) as url, make_api(base_url=url) as api:
        assert "good" == (await api.get("/x")).text
    assert 1 == len(slept)


async def test_a_stream_that_breaks_off_ends_in_an_error(make_api: MakeApi, listen: Listen) -> None:
    """What came until then was given; the end is not mistaken for the log's."""
    got = bytearray()
    async with listen(saying(OK, b"Content-Length: 10\r\n\r\nfive5")) as url, make_api(base_url=url) as api:
        with pytest.raises(UnreachableError, match="cut the connection"):
            await drain(api, got)
    assert b"five5" == got


@pytest.mark.parametrize("pieces", [[], [OK], [OK, b"Content-Length: 10\r\n\r\nfive5"]])
async def test_a_stall_ends_at_the_deadline(make_api: MakeApi, listen: Listen, pieces: list[bytes]) -> None:
    """Before the answer, in its headers, in its body; as a get and as a stream."""
    async with listen(saying(*pieces, then=20)) as url, make_api(base_url=url) as api:
        with anyio.fail_after(2):
            with pytest.raises(TimedOutError, match="did not answer GET /x"):
                await api.get("/x")
        with anyio.fail_after(2):
            with pytest.raises(TimedOutError, match="did not answer GET /log"):
                await drain(api, bytearray())


async def test_a_stall_without_a_deadline_ends_at_the_read_timeout(
    make_api: MakeApi, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not tried again: it has already cost its time."""
    monkeypatch.setattr(client_module, "READ", 0.05)
    async with listen(saying(then=20)) as url, make_api(base_url=url) as api:
        with pytest.raises(TimedOutError, match="did not go on"):
            await api.get("/x")


async def test_a_stream_left_early_frees_its_place(make_api: MakeApi, listen: Listen) -> None:
    """Nine streams, each left after its first chunk, with eight places."""
    body = b"x" * 100_000
    head = OK + f"Content-Length: {len(body)}\r\n\r\n".encode()
    async with listen(saying(head + body, then=20)) as url, make_api(base_url=url) as api:
        with anyio.fail_after(5):
            for _ in range(9):
                async with api.stream("/log") as chunks:
                    assert await anext(chunks)


async def test_a_small_bomb_is_read_in_pieces_and_stopped(make_api: MakeApi, listen: Listen) -> None:
    """A hundred kilobytes that stand for a hundred megabytes: the reader stops when it has enough."""
    bomb = gzip.compress(bytes(100 << 20), 9)
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with listen(saying(head, bomb, then=20)) as url, make_api(base_url=url) as api:
        with pytest.raises(BadAnswerError, match="more than 64 MB"):
            await api.get("/x")
        async with api.stream("/log") as chunks:
            assert len(await anext(chunks)) <= 1 << 18


async def test_nobody_there_is_unreachable(make_api: MakeApi, listen: Listen, slept: list[float]) -> None:
    """After three more tries."""
    async with listen(saying()) as url:
        pass
    async with make_api(base_url=url) as api:
        with pytest.raises(UnreachableError, match="no connection to 127"):
            await api.get("/x")
    assert 3 == len(slept)


async def test_what_speaks_no_tls_is_named_as_such(make_api: MakeApi, listen: Listen, slept: list[float]) -> None:
    """It will not speak it a moment later either."""
    plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=20)
    async with listen(plain, first=True) as url, make_api(base_url=url.replace("http", "https")) as api:
        with pytest.raises(UnreachableError, match="no TLS connection"):
            await api.get("/x")
    assert [] == slept


async def test_a_certificate_of_nobody_is_not_trusted(make_api: MakeApi, slept: list[float]) -> None:
    """The error names the way to trust a company's own."""
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("tls") from untrusted

    async with make_api(refuse) as api:
        with pytest.raises(UnreachableError, match="not trusted"):
            await api.get("/x")
    assert [] == slept


async def test_loopback_is_never_asked_of_a_proxy(
    make_api: MakeApi, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of the environment would fail."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with listen(saying(OK, b"Content-Length: 2\r\n\r\nok")) as url, make_api(base_url=url) as api:
        assert "ok" == (await api.get("/x")).text


async def test_other_hosts_are_asked_through_the_proxy(
    make_api: MakeApi, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that refuses is named as what is in the way."""
    async with listen(saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        async with make_api(base_url="https://ci.example.com") as api:
            with pytest.raises(UnreachableError, match="the proxy does not let us reach"):
                await api.get("/x")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "what://127.0.0.1:1"])
async def test_a_proxy_that_cannot_be_used_is_named(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """The variables to look at are named."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with make_api() as api:
        with pytest.raises(UnreachableError, match="HTTPS_PROXY"):
            await api.get("/x")
