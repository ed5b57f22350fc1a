"""``ci-mcp api``: one authenticated call to a service's own API, for scripts; never a tool of an agent."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import click

from ci_mcp.cli.complete import provider_argument
from ci_mcp.cli.context import Options, run_async
from ci_mcp.errors import CiError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from ci_mcp.auth.service import Service
    from ci_mcp.core.provider import Api, Reply
    from ci_mcp.core.services import Services
    from ci_mcp.net.pages import Onward

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

_WORDS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was asked for.

    Attributes:
        method: one of `METHODS`.
        path: from the service's root, or a whole URL of the service; without its query.
        query: the parameters, each with all of its values.
        body: what is sent as JSON; ``None`` for nothing.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any = None


def parsed(method: str, path: str, fields: Iterable[str]) -> Call:
    """The call that a path and fields make: of a GET they are its query, else its JSON body.

    In a body ``true``, ``false``, ``null`` and whole numbers are what they say, all else is text;
    ``a[b]=c`` is an object inside it, ``a[]=c`` an element of an array.

    Raises:
        UsageError: a field is not ``KEY=VALUE``, or contradicts another.
    """
    pairs = [field.partition("=") for field in fields]
    if any(not key or not separator for key, separator, _ in pairs):
        raise UsageError("a field is not KEY=VALUE", "give it as --field branch=main")
    whole = urlsplit(path)
    query = parse_qs(whole.query, keep_blank_values=True)
    place = f"{whole.scheme}://{whole.netloc}{whole.path}" if whole.netloc else f"/{whole.path.lstrip('/')}"
    if method == "GET":
        for key, _, value in pairs:
            query.setdefault(key, []).append(value)
        return Call(method, place, query)
    body: dict[str, Any] = {}
    for key, _, value in pairs:
        _put(body, key, _value(value))
    return Call(method, place, query, body or None)


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    digits = text.removeprefix("-")
    # A number that JSON would write otherwise (007) is an id or a version, not a number.
    whole = digits.isascii() and digits.isdecimal() and str(int(digits)) == digits
    return int(text) if whole else text


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    """Set ``a[b][]`` inside an object."""
    first, *rest = key.replace("]", "").split("[")
    here: Any = body
    for name, following in zip([first, *rest], [*rest, None], strict=False):
        inner: Any = value if following is None else [] if following == "" else {}
        if isinstance(here, list):
            here.append(inner)
        elif isinstance(here, dict) and isinstance(here.setdefault(name, inner), type(inner)):
            inner = here[name] = value if following is None else here[name]
        else:
            raise UsageError(f"the field {key[:80]} contradicts another", "give each key one kind of value")
        here = inner


def _methods(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [method for method in METHODS if method.startswith(incomplete.upper())]


@click.command(
    epilog="\b\nExamples:\n  ci-mcp api buildkite /v2/access-token\n"
    "  ci-mcp api circleci /api/v2/project/gh/acme/web/pipeline --field branch=main --paginate | jq '.[].number'\n"
    "  ci-mcp api semaphore /api/v1alpha/tasks/ID/run_now --method POST --field branch=main --yes"
)
@provider_argument
@click.argument("path")
@click.option(
    "--method",
    type=click.Choice(METHODS, case_sensitive=False),
    default="GET",
    metavar="METHOD",
    shell_complete=_methods,
    help=f"{', '.join(METHODS[:-1])} or {METHODS[-1]}.",
)
@click.option(
    "--field", "fields", multiple=True, metavar="KEY=VALUE", help="Query of a GET, else JSON body (repeatable)."
)
@click.option("--paginate", is_flag=True, help="Every page of a list, as one array.")
@click.option("--yes", is_flag=True, help="Do not ask before a call that is no GET.")
@click.pass_obj
def api(  # noqa: PLR0917 - click passes every option
    options: Options, provider: str, path: str, method: str, fields: tuple[str, ...], paginate: bool, yes: bool
) -> None:
    """Call a service's own API with our token; for scripts.

    Retries, rate limits and redaction are those of every command; JSON goes to stdout.

    PATH starts at the service's root, such as /api/v2/me; a whole URL of the service is understood, too.
    """
    from ci_mcp.core.catalog import load

    call = parsed(method.upper(), path, fields)
    if paginate and call.method != "GET":
        raise UsageError("only a GET has pages", "leave out --paginate")
    service = load().services.get(provider)
    if service is None:
        raise UsageError(f"there is no provider {provider}", f"the providers are {', '.join(load().services)}")
    refuse_without_api(service)
    if call.method != "GET" and not yes:
        _ask(service, call)

    async def work(services: "Services") -> str:
        chosen = services.api(provider, _host(services, provider, call.path))
        ways = services.provider(provider).hooks.pages
        if not paginate:
            return (await _send(chosen, call)).text
        return json.dumps(await _every(chosen, call, ways), ensure_ascii=False)

    try:
        _print(run_async(options, work, (provider,)))
    except CiError as error:
        _print(error.body)  # what the service said of it is its answer
        raise


def refuse_without_api(service: "Service") -> None:
    """Raise `UnsupportedError` for a service that has no API of its own."""
    if service.mcp_only:
        raise UnsupportedError(
            f"{service.title} has an MCP server and no API beside it", f'use its tools: "ci-mcp {service.name} --help"'
        )


def _ask(service: "Service", call: Call) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{call.method} changes something, and there is no terminal to ask on", "add --yes")
    click.confirm(f"{call.method} {call.path} of {service.title}: go ahead?", abort=True, err=True)


def _host(services: "Services", provider: str, path: str) -> str:
    """The configured host that a whole URL is of; empty for a path, and where there is none."""
    netloc = urlsplit(path).netloc.lower()
    found = (one.host for one in services.endpoints(provider) if netloc == urlsplit(one.base_url).netloc.lower())
    return next(found, "") if netloc else ""


async def _send(api: "Api", call: Call) -> "Reply":
    if call.method == "GET":
        return await api.get(call.path, call.query)
    return await api.send(call.method, call.path, params=call.query, json=call.body)


async def _every(api: "Api", call: Call, ways: "Sequence[Onward]") -> list[Any]:
    """The records of every page."""
    from ci_mcp.net.pages import listed, onward, sheets

    parameter = ""

    async def fetch(mark: str) -> tuple[Any, str | None]:
        nonlocal parameter
        query = {**call.query, **({parameter: [mark]} if mark else {})}
        reply = await api.get(call.path, query)
        body = reply.json()
        parameter, following = onward(ways, reply.headers, body, query) or ("", None)
        return listed(body), following

    return [record async for sheet in sheets(fetch) for record in sheet.items]


def _print(text: str) -> None:
    """Print a body without secrets: JSON pretty on a terminal, all else as it is."""
    from ci_mcp.cli.output import json_text, prose
    from ci_mcp.core.answer import safe

    shown, value = redacted(text)
    if not shown.strip():
        return
    if not sys.stdout.isatty():
        click.echo(shown, nl=not shown.endswith("\n"))
    elif value is None:
        prose(safe(shown))
    else:
        json_text(value)


def redacted(text: str) -> tuple[str, Any]:
    """A body without secrets, and the same read as JSON; ``None`` where it is none."""
    from ci_mcp.auth.redact import redact

    whole = _read(text)
    if whole is None:
        return redact(text), None
    # On one line a name stands beside its value, however the service breaks its lines.
    line = json.dumps(whole, ensure_ascii=False)
    shown = redact(line)
    if shown == line:
        return text, whole
    value = _read(shown)
    if value is None:
        value = _each(whole)  # a key that begins in one text and ends in another took what parts them with it
        shown = json.dumps(value, ensure_ascii=False)
    return shown, value


def _read(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _each(value: Any) -> Any:
    """The value with every text in it redacted by itself."""
    from ci_mcp.auth.redact import redact

    if isinstance(value, list):
        return [_each(item) for item in value]
    if isinstance(value, dict):
        return {redact(key): _each(item) for key, item in value.items()}
    return redact(value) if isinstance(value, str) else value
