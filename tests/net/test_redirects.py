from collections.abc import Callable

import httpx
import pytest

from ci_mcp.errors import BadAnswerError, PermissionDeniedError, UsageError
from ci_mcp.net.api import HttpApi

pytestmark = pytest.mark.anyio

Answer = Callable[..., httpx.Response]
MakeApi = Callable[..., HttpApi]


@pytest.fixture
def asked() -> list[httpx.Request]:
    """Every request that was made."""
    return []


@pytest.fixture
def moved(make_api: MakeApi, answer: Answer, asked: list[httpx.Request]) -> Callable[..., HttpApi]:
    """An Api whose ``/start`` sends on to a place; every other address says where it is."""

    def make(location: str, base_url: str = "https://ci.example.com", status: int = 302) -> HttpApi:
        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if request.url.path == "/start":
                return answer(status, headers={"location": location})
            return answer(200, str(request.url))

        return make_api(handle, base_url)

    return make


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_same_origin_keeps_the_credential(
    moved: Callable[..., HttpApi], asked: list[httpx.Request], status: int
) -> None:
    """A relative address is read from where it was said; parameters are not repeated."""
    async with moved("../logs/1?jwt=abc", status=status) as api:
        assert "https://ci.example.com/logs/1?jwt=abc" == (await api.get("/start", {"a": 1})).text
    assert ["Bearer tok-0123456789"] * 2 == [request.headers["authorization"] for request in asked]


async def test_another_origin_is_asked_only_where_allowed(
    moved: Callable[..., HttpApi], asked: list[httpx.Request]
) -> None:
    """Without ``foreign`` the redirect is an error, and nothing is sent there."""
    async with moved("https://storage.example.net/file?sig=1") as api:
        with pytest.raises(BadAnswerError, match=r"sends us on to storage\.example\.net"):
            await api.get("/start")
    assert 1 == len(asked)


async def test_another_origin_gets_no_credential(moved: Callable[..., HttpApi], asked: list[httpx.Request]) -> None:
    """Of the caller's own headers only harmless ones go there."""
    async with moved("https://storage.example.net/file?sig=1") as api:
        headers = {"Range": "bytes=-5", "X-Secret": "s"}
        async with api.stream("/start", headers=headers, foreign=True) as chunks:
            assert b"https://storage.example.net/file?sig=1" == b"".join([chunk async for chunk in chunks])
    assert "s" == asked[0].headers["x-secret"]
    assert {"authorization", "x-secret"}.isdisjoint(asked[1].headers)
    assert "bytes=-5" == asked[1].headers["range"]


@pytest.mark.parametrize(
    "location",
    [
        "http://ci.example.com/x",
        "http://storage.example.net/x",
        "http://127.0.0.1:8080/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "file:///etc/passwd",
        "ftp://ci.example.com/x",
        "javascript:alert(1)",
        "https://evil%2eexample/x",
        "https://[::1",
    ],
)
async def test_what_is_not_https_elsewhere_is_never_followed(
    moved: Callable[..., HttpApi], asked: list[httpx.Request], location: str
) -> None:
    """Not even with ``foreign``: no clear text, no file, nothing that runs on this machine."""
    async with moved(location) as api:
        with pytest.raises(BadAnswerError):
            await api.get("/start", foreign=True)
    assert 1 == len(asked)


async def test_a_service_on_this_machine_may_send_us_around_on_it(moved: Callable[..., HttpApi]) -> None:
    """Its storage is another port of loopback."""
    async with moved("http://127.0.0.1:9/file", "http://127.0.0.1:8") as api:
        assert "http://127.0.0.1:9/file" == (await api.get("/start", foreign=True)).text


async def test_user_and_password_of_a_redirect_are_dropped(
    moved: Callable[..., HttpApi], asked: list[httpx.Request]
) -> None:
    """Nor would httpx make a Basic header of them."""
    async with moved("https://a:b@storage.example.net/file#part") as api:
        assert "https://storage.example.net/file" == (await api.get("/start", foreign=True)).text
    assert "authorization" not in asked[1].headers


async def test_who_was_sent_away_gets_no_credential_back(make_api: MakeApi, answer: Answer) -> None:
    """Another origin cannot point us at a path of the service with our credential."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.example.net":
            return answer(302, headers={"location": "https://ci.example.com/secret"})
        if request.url.path == "/secret":
            return answer(200, request.headers.get("authorization", "nobody"))
        return answer(302, headers={"location": "https://storage.example.net/"})

    async with make_api(handle) as api:
        assert "nobody" == (await api.get("/start", foreign=True)).text


async def test_circles_end(make_api: MakeApi, answer: Answer) -> None:
    """Five redirects are followed, the sixth is one too many."""
    count = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return answer(302, headers={"location": f"/{count}"})

    async with make_api(handle) as api:
        with pytest.raises(BadAnswerError, match="in circles"):
            await api.get("/start")
    assert 6 == count


async def test_a_redirect_that_is_wanted_is_an_answer(
    moved: Callable[..., HttpApi], asked: list[httpx.Request]
) -> None:
    """A login sets its session in one, wherever it leads."""
    async with moved("https://elsewhere.example.net/") as api:
        reply = await api.send("GET", "/start", moved=True)
    assert (302, "https://elsewhere.example.net/") == (reply.status, reply.headers["location"])
    assert 1 == len(asked)


async def test_a_redirect_of_a_write_is_not_followed(moved: Callable[..., HttpApi], asked: list[httpx.Request]) -> None:
    """It might be sent twice, or elsewhere."""
    async with moved("/else") as api:
        with pytest.raises(BadAnswerError, match="answered 302 to POST /start"):
            await api.send("POST", "/start")
    assert 1 == len(asked)


async def test_an_absolute_url_of_the_service_is_its_own(
    moved: Callable[..., HttpApi], asked: list[httpx.Request]
) -> None:
    """With the usual port said or not, in any case."""
    async with moved("/") as api:
        assert "https://ci.example.com/a?b=1&c=2" == (await api.get("HTTPS://CI.example.com:443/a?b=1", {"c": 2})).text
    assert "Bearer tok-0123456789" == asked[0].headers["authorization"]


async def test_an_absolute_url_elsewhere_needs_leave_and_gets_no_credential(
    moved: Callable[..., HttpApi], asked: list[httpx.Request]
) -> None:
    """A pasted URL only selects."""
    async with moved("/") as api:
        with pytest.raises(UsageError, match=r"evil\.example\.net is not the host"):
            await api.get("https://evil.example.net/x")
        with pytest.raises(UsageError, match="cannot be asked"):
            await api.get("http://evil.example.net/x", foreign=True)
        with pytest.raises(UsageError, match="cannot be asked"):
            await api.get("https://[bad", foreign=True)
        assert [] == asked
        assert "https://evil.example.net/x" == (await api.get("https://evil.example.net/x", foreign=True)).text
    assert "authorization" not in asked[0].headers


async def test_a_refusal_elsewhere_names_the_host_and_no_path(make_api: MakeApi, answer: Answer) -> None:
    """The path of a signed address is nobody's business."""
    async with make_api(lambda _: answer(403, "<Error><Message>expired</Message></Error>")) as api:
        with pytest.raises(PermissionDeniedError, match=r"storage\.example\.net answered 403 to GET of a file"):
            await api.get("https://storage.example.net/signed/path?sig=1", foreign=True)


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "//evil.example.net/x",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/%252E%252e/b",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\n",
        "/a\\..\\b",
        "/é",
        "/./a",
    ],
)
async def test_a_path_that_leaves_its_place_is_refused(
    moved: Callable[..., HttpApi], asked: list[httpx.Request], path: str
) -> None:
    """Whatever an id holds, the request stays where it was meant to go."""
    async with moved("/") as api:
        with pytest.raises(UsageError, match="not a path"):
            await api.get(path)
    assert [] == asked


async def test_an_absolute_url_cannot_step_up_either(moved: Callable[..., HttpApi], asked: list[httpx.Request]) -> None:
    """Encoded dots stay dots."""
    async with moved("/") as api:
        with pytest.raises(UsageError, match="not a path"):
            await api.get("https://ci.example.com/a/%2e%2e/b")
    assert [] == asked


async def test_a_value_that_is_far_too_long_is_a_usage_error(moved: Callable[..., HttpApi]) -> None:
    """In the path or in a parameter."""
    async with moved("/") as api:
        with pytest.raises(UsageError, match="far too long"):
            await api.get("/" + "a" * 1_000_000)
        with pytest.raises(UsageError, match="far too long"):
            await api.get("/a", {"branch": "a" * 1_000_000})


async def test_a_trusted_host_gets_the_credential_and_no_further_one(make_api: MakeApi, answer: Answer) -> None:
    """Over https, by its pattern; where it sends us on to is a stranger."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/kept":
            return answer(302, headers={"location": "https://storage.example.net/file?sig=1"})
        return answer(200, "file")

    async with make_api(handle, trusted=("*.files.example",)) as api:
        async with api.stream("https://7.files.example/kept", foreign=True) as body:
            assert (200, b"file") == (body.status, b"".join([chunk async for chunk in body]))
        assert "file" == (await api.get("https://files.example.evil.net/x", foreign=True)).text
        with pytest.raises(UsageError):
            await api.get("http://7.files.example/kept", foreign=True)
    assert ["Bearer tok-0123456789", None, None] == [request.headers.get("authorization") for request in asked]


async def test_a_stream_tells_its_status_and_headers(make_api: MakeApi, answer: Answer) -> None:
    """So that a range that was not honoured, and an output that still grows, can be told."""
    async with (
        make_api(lambda _: answer(206, "x", headers={"X-Terminal": "true"}), settings={"private_output": True}) as api,
        api.stream("/log", headers={"Range": "bytes=5-"}) as body,
    ):
        assert (206, "true", b"x") == (body.status, body.headers["x-terminal"], await anext(body))
    assert {"private_output": True} == api.settings
