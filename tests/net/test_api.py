import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp import __version__
from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.auth.redact import register
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    TimedOutError,
    UnreachableError,
    UsageError,
)
from ci_mcp.logs.store import Store
from ci_mcp.net import answer as answer_module
from ci_mcp.net.api import HttpApi

pytestmark = pytest.mark.anyio

Answer = Callable[..., httpx.Response]
MakeApi = Callable[..., HttpApi]


async def test_a_get_brings_the_credential_and_says_who_asks(make_api: MakeApi, answer: Answer) -> None:
    """Bearer token, our name and version, JSON wanted, parameters that say nothing left out."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(200, json={"ok": True}, headers={"X-Total": "3"})

    async with make_api(handle) as api:
        reply = await api.get("/api/jobs", {"page": 2, "branch": "", "state[]": ["a", "b"], "who": None, "done": False})
    assert {"ok": True} == reply.json()
    assert "3" == reply.headers["x-total"]
    request = asked[0]
    assert "https://ci.example.com/api/jobs?page=2&state%5B%5D=a&state%5B%5D=b&done=false" == str(request.url)
    assert "Bearer tok-0123456789" == request.headers["authorization"]
    assert f"ci-mcp/{__version__}" == request.headers["user-agent"]
    assert request.headers["accept"].startswith("application/json")


async def test_an_open_service_gets_no_credential(make_api: MakeApi, answer: Answer) -> None:
    """Without a credential there is no Authorization header."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return answer(200, "OK")

    async with make_api(handle, credential=None) as api:
        assert "OK" == (await api.get("/health")).text


async def test_basic_credentials_are_encoded(make_api: MakeApi, answer: Answer) -> None:
    """User and password go as Basic."""

    def handle(request: httpx.Request) -> httpx.Response:
        return answer(200, request.headers["authorization"])

    async with make_api(handle, credential=Credential("admin:hunter2", "test", "Basic")) as api:
        assert "Basic YWRtaW46aHVudGVyMg==" == (await api.get("/x")).text


async def test_send_posts_json_and_is_not_retried(make_api: MakeApi, answer: Answer, slept: list[float]) -> None:
    """What may do harm twice is sent once, even where the service is busy."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(503, "busy")

    async with make_api(handle) as api:
        with pytest.raises(UnreachableError, match="answered 503 to POST /runs"):
            await api.send("post", "/runs", params={"token": "t"}, json={"branch": "main"})
    assert [("POST", b'{"branch":"main"}')] == [(request.method, request.content) for request in asked]
    assert [] == slept


async def test_a_harmless_send_is_retried(make_api: MakeApi, answer: Answer, slept: list[float]) -> None:
    """A caller that says it does no harm gets its retries."""
    answers = [answer(502, "bad"), answer(200, json=1)]
    async with make_api(lambda _: answers.pop(0)) as api:
        assert 1 == (await api.send("POST", "/rerun", idempotent=True)).json()
    assert 1 == len(slept)


async def test_a_passing_trouble_is_waited_out_at_most_three_times(
    make_api: MakeApi, answer: Answer, slept: list[float]
) -> None:
    """Four attempts in all, each pause longer than the one before."""
    count = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return answer(502, "<html><title>Bad gateway</title></html>")

    async with make_api(handle) as api:
        with pytest.raises(UnreachableError, match=r"502 to GET /x \(Bad gateway\)"):
            await api.get("/x")
    assert 4 == count
    assert 3 == len(slept)
    assert slept[0] < slept[1] < slept[2]


async def test_a_wait_that_passes_the_deadline_is_not_begun(
    make_api: MakeApi, answer: Answer, slept: list[float]
) -> None:
    """The error comes at once and says for how long to wait."""
    async with make_api(lambda _: answer(429, json={"message": "slow"}, headers={"Retry-After": "30"})) as api:
        with anyio.fail_after(5):
            with pytest.raises(RateLimitedError, match=r"wait 30 s") as caught:
                await api.get("/x")
    assert 30 == caught.value.retry_after
    assert 429 == caught.value.status
    assert [] == slept


async def test_retry_after_is_obeyed(make_api: MakeApi, answer: Answer, slept: list[float]) -> None:
    """The service says two seconds, so it is two seconds and a little."""
    answers = [answer(429, headers={"Retry-After": "2"}), answer(200, "done")]
    async with make_api(lambda _: answers.pop(0)) as api:
        assert "done" == (await api.get("/x")).text
    assert 2 <= slept[0] <= 2.5


async def test_a_cut_connection_is_tried_again(make_api: MakeApi, answer: Answer, slept: list[float]) -> None:
    """A connection error before the answer costs one pause."""
    answers: list[Any] = [httpx.ReadError("reset"), answer(200, "done")]

    def handle(_: httpx.Request) -> httpx.Response:
        found = answers.pop(0)
        if isinstance(found, httpx.HTTPError):
            raise found
        return found

    async with make_api(handle) as api:
        assert "done" == (await api.get("/x")).text
    assert 1 == len(slept)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UsageError),
        (401, AuthError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, BadAnswerError),
        (408, UnreachableError),
        (409, UsageError),
        (410, NotFoundError),
        (418, BadAnswerError),
        (422, UsageError),
        (500, UnreachableError),
        (501, UnreachableError),
        (304, BadAnswerError),
        (302, BadAnswerError),
        (600, BadAnswerError),
    ],
)
async def test_each_refusal_is_one_of_our_errors(
    make_api: MakeApi, answer: Answer, status: int, kind: type[Exception]
) -> None:
    """It carries the status and what the service said."""
    async with make_api(lambda _: answer(status, json={"message": "because"})) as api:
        with pytest.raises(kind, match=rf"ci\.example\.com answered {status} to GET /x \(because\)") as caught:
            await api.get("/x")
    assert type(caught.value) is kind
    assert (status, '{"message": "because"}') == (getattr(caught.value, "status", 0), getattr(caught.value, "body", ""))


async def test_an_answer_that_is_not_json_is_a_bad_answer(make_api: MakeApi, answer: Answer) -> None:
    """Whether it is a web page, empty, or nests without end."""
    for text in ("<html>", "", "[" * 100_000, '{"a": '):
        async with make_api(lambda _, text=text: answer(200, text)) as api:
            reply = await api.get("/x")
            with pytest.raises(BadAnswerError, match="not JSON"):
                reply.json()


async def test_json_is_read_whatever_its_content_type_and_mark(make_api: MakeApi, answer: Answer) -> None:
    """A byte order mark and text/plain do not matter."""
    async with make_api(lambda _: answer(200, b"\xef\xbb\xbf[1]", headers={"content-type": "text/plain"})) as api:
        assert [1] == (await api.get("/x")).json()


async def test_text_is_read_in_its_charset(make_api: MakeApi, answer: Answer) -> None:
    """An unknown charset is read as UTF-8, with a sign for what is none."""
    for charset, data, text in (("latin-1", b"\xe9", "é"), ("klingon", b"\xe9", "�"), ("zlib", b"a", "a")):
        headers = {"content-type": f"text/plain; charset={charset}"}
        async with make_api(lambda _, data=data, headers=headers: answer(200, data, headers=headers)) as api:
            assert text == (await api.get("/x")).text


async def test_a_body_beyond_the_cap_is_refused(
    make_api: MakeApi, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressed or not, it is counted as it comes out."""
    monkeypatch.setattr(answer_module, "BODY_MAX", 1 << 20)
    bomb = gzip.compress(bytes(4 << 20))
    for body, headers in ((bytes(2 << 20), {}), (bomb, {"content-encoding": "gzip"})):
        async with make_api(lambda _, body=body, headers=headers: answer(200, body, headers=headers)) as api:
            with pytest.raises(BadAnswerError, match="more than 64 MB"):
                await api.get("/x")


async def test_an_error_body_is_cut(make_api: MakeApi, answer: Answer) -> None:
    """An error of megabytes keeps its first 64 KB, and its text stays short."""
    async with make_api(lambda _: answer(404, "x" * (1 << 20))) as api:
        with pytest.raises(NotFoundError) as caught:
            await api.get("/x")
    assert answer_module.ERROR_MAX == len(caught.value.body)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
async def test_compressed_bodies_are_read(make_api: MakeApi, answer: Answer, wbits: int) -> None:
    """Deflate with its header and without."""
    engine = zlib.compressobj(wbits=wbits)
    data = engine.compress(b"hello " * 100_000) + engine.flush()
    async with make_api(lambda _: answer(200, data, headers={"content-encoding": "deflate"})) as api:
        assert "hello " * 100_000 == (await api.get("/x")).text


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip"])
async def test_a_body_encoded_otherwise_or_damaged_is_a_bad_answer(
    make_api: MakeApi, answer: Answer, encoding: str
) -> None:
    """What was not asked for is not decoded: two layers of gzip are a million to one."""
    async with make_api(lambda _: answer(200, b"not gzip", headers={"content-encoding": encoding})) as api:
        with pytest.raises(BadAnswerError):
            await api.get("/x")
    async with make_api(lambda _: answer(404, b"not gzip", headers={"content-encoding": encoding})) as api:
        with pytest.raises(NotFoundError):
            await api.get("/x")


async def test_streams_come_in_chunks_and_decoded(make_api: MakeApi, answer: Answer) -> None:
    """No chunk is larger than 256 KB, however well it was compressed."""
    data = gzip.compress(bytes(1 << 20)) + gzip.compress(b"end")
    gzipped = {"content-encoding": "gzip"}
    async with make_api(lambda _: answer(200, data, headers=gzipped)) as api, api.stream("/log") as chunks:
        sizes = [len(chunk) async for chunk in chunks]
    assert (1 << 20) + 3 == sum(sizes)
    assert max(sizes) <= 1 << 18


async def test_a_range_is_asked_for_uncompressed(make_api: MakeApi, answer: Answer) -> None:
    """A part of compressed bytes could not be read."""

    def handle(request: httpx.Request) -> httpx.Response:
        return answer(206, f"{request.headers['range']} {request.headers['accept-encoding']}")

    async with make_api(handle) as api, api.stream("/log", headers={"Range": "bytes=-5"}) as chunks:
        assert b"bytes=-5 identity" == b"".join([chunk async for chunk in chunks])


async def test_a_refused_stream_is_an_error_before_its_first_chunk(make_api: MakeApi, answer: Answer) -> None:
    """Nobody has to look at the chunks to see it."""
    async with make_api(lambda _: answer(404, json="This job never started")) as api:
        with pytest.raises(NotFoundError, match="This job never started"):
            async with api.stream("/log"):
                pytest.fail("opened")


async def test_no_more_than_eight_requests_run_at_once(make_api: MakeApi, answer: Answer) -> None:
    """Twenty calls, eight at a time."""
    running, go_on = 0, anyio.Event()

    async def handle(_: httpx.Request) -> httpx.Response:
        nonlocal running
        running += 1
        await go_on.wait()
        running -= 1
        return answer(200, "ok")

    async with make_api(handle) as api, anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(api.get, f"/{number}")
        await anyio.wait_all_tasks_blocked()
        assert 8 == running
        go_on.set()


async def test_a_service_that_stalls_is_left_at_the_deadline(make_api: MakeApi) -> None:
    """The error is ours, and says who did not answer."""

    async def handle(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async with make_api(handle) as api:
        with anyio.fail_after(2):
            with pytest.raises(TimedOutError, match=r"ci\.example\.com did not answer GET /x"):
                await api.get("/x")


async def test_a_canceled_call_ends_as_canceled(make_api: MakeApi, answer: Answer) -> None:
    """Cancellation is not turned into an error of ours."""
    async with make_api(lambda _: answer(200, "ok")) as api:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await api.get("/x")
        assert scope.cancelled_caught


async def test_a_sibling_host_is_opened_by_name(make_api: MakeApi) -> None:
    """Only a configured one; this host is itself."""
    other = make_api(base_url="https://b.example.com")
    api = make_api(hosts=("ci.example.com", "b.example.com"), sibling=lambda _: other)
    assert ("ci.example.com", "b.example.com") == api.hosts
    assert api is api.at("ci.example.com")
    assert other is api.at("b.example.com")
    assert ("b.example.com",) == other.hosts
    with pytest.raises(NotFoundError, match=r"c\.example\.com is not a configured host"):
        api.at("c.example.com")


async def test_a_closed_api_opens_again(make_api: MakeApi, answer: Answer) -> None:
    """Closing lets go of the connections, no more; closing twice is harmless."""
    api = make_api(lambda _: answer(200, "ok"))
    assert api.store is not None
    await api.aclose()
    assert "ok" == (await api.get("/x")).text
    await api.aclose()
    assert "ok" == (await api.get("/x")).text
    await api.aclose()


async def test_no_cookie_is_kept(make_api: MakeApi, answer: Answer) -> None:
    """A session of one call does not follow into the next."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert "cookie" not in request.headers
        return answer(200, "ok", headers={"set-cookie": "session=1; Path=/"})

    async with make_api(handle) as api:
        await api.get("/x")
        await api.get("/x")


async def test_an_error_shows_neither_query_nor_token(make_api: MakeApi, answer: Answer) -> None:
    """Signatures stand in queries, and some services say the token back."""
    token = "tok-0123456789abcdef"
    credential = Credential(token, "test")
    async with make_api(lambda _: answer(404, f"no token {token}\x1b[31m\n\u202e"), credential=credential) as api:
        register(token)
        with pytest.raises(NotFoundError) as caught:
            await api.get(f"/x/{token}", {"sig": "0123456789"})
    for text in (str(caught.value), caught.value.body):
        assert token not in text
        assert "0123456789" not in text
    assert "GET /x/[redacted: token] (no token [redacted: token] <U+202E>)" in str(caught.value)


async def test_headers_of_the_caller_go_along_but_never_in_the_place_of_the_credential(
    make_api: MakeApi, answer: Answer
) -> None:
    """A protocol may need its own."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(200, "{}")

    await make_api(handler).send("POST", "/x", json={}, headers={"Mcp-Session-Id": "1", "Authorization": "mine"})
    assert "1" == seen[0].headers["mcp-session-id"]
    assert seen[0].headers["authorization"].endswith("tok-0123456789")


async def test_no_more_of_a_body_is_read_than_is_enough(make_api: MakeApi) -> None:
    """The caller sees the body grow and says when to stop."""
    sizes: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10

    def enough(body: bytes | bytearray) -> bool:
        sizes.append(len(body))
        return len(body) >= 30

    reply = await make_api(lambda _: httpx.Response(200, content=endless())).send("POST", "/x", enough=enough)
    assert ("x" * 30, [10, 20, 30]) == (reply.text, sizes)


async def test_the_hosted_mcp_server_gets_the_same_credential_and_is_closed_too(
    make_api: MakeApi, answer: Answer, tmp_path: Path
) -> None:
    """It is made once, where the endpoint knows of one."""
    assert None is make_api().mcp
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(200, "{}")

    place = Endpoint("semaphore", "acme.example.com", "https://acme.example.com", "https://mcp.example.com")
    token = Credential("tok-0123456789", "test")
    async with HttpApi(place, token, Store(tmp_path), transport=httpx.MockTransport(handler)) as api:
        hosted = api.mcp
        assert hosted is not None
        assert hosted is api.mcp
        await hosted.send("POST", "/mcp", json={})
        await api.get("/x")
    assert ["https://mcp.example.com/mcp", "https://acme.example.com/x"] == [str(request.url) for request in seen]
    assert 1 == len({request.headers["authorization"] for request in seen})
    assert "mcp.example.com" == hosted.host
