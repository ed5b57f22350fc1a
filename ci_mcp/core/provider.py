"""What a provider is: its service's facts, its tools, prompts and resources, and its hooks.

A provider module makes one `Provider` named ``provider``, declares its tools with
``@provider.read`` and ``@provider.write``, and ends with ``provider.hooks = Hooks(...)``.
What only it can offer besides tools is declared with ``@provider.prompt`` and ``@provider.resource``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ci_mcp.auth.service import Service
from ci_mcp.core.shapes import Checkout, Failure, Identity, Job, Place, Run, RunQuery, TestCase
from ci_mcp.logs.store import Store
from ci_mcp.net.heard import Heard
from ci_mcp.net.pages import Onward

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])
Complete = Callable[[Any, str, str, Mapping[str, str]], Awaitable[Sequence[str]]]
"""The Api (triage: the services), a prompt's name or a resource's template, an argument of it, those that are
known → values it may have, the likeliest first."""


class Reply(Protocol):
    """An answer of a service with a status below 400, its body read as text."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names match in any case."""
        ...

    @property
    def text(self) -> str:
        """The body."""
        ...

    def json(self) -> Any:
        """The body read as JSON, whatever its content type; raises `BadAnswerError`."""
        ...


class Body(Protocol):
    """The body of an answer as it comes, in chunks, decoded from any content encoding."""

    @property
    def status(self) -> int:
        """The HTTP status: 206 where a range was asked for and given."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names match in any case."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Itself."""
        ...

    async def __anext__(self) -> bytes:
        """The next chunk."""
        ...


class Api(Protocol):
    """One service at one host, with this person's credential.

    Paths start at the service's root. An absolute URL is taken too: the credential goes to the
    service's own origin (and the hosts its facts name) only, and another is spoken to only where ``foreign`` allows it.
    Every call ends within the deadline of the enclosing ``anyio`` cancel scope.
    Raises the errors of `ci_mcp.errors`; a refusal carries the service's ``status`` and ``body``.
    """

    @property
    def host(self) -> str:
        """The host in this service's web URLs, such as ``acme.semaphoreci.com``."""
        ...

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every configured host of this provider, the default one first."""
        ...

    @property
    def store(self) -> Store:
        """Where logs are kept."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """This provider's section of the settings file; empty where it has none."""
        ...

    @property
    def mcp(self) -> "Api | None":
        """The vendor's MCP server, which takes the same credential or one of its own; ``None``: none is known."""
        ...

    async def claims(self) -> Mapping[str, Any]:
        """What the credential says of itself: a JWT's payload, not verified, or Basic's user as ``user``.

        Empty for any other token, and where none is sent.
        """
        ...

    @property
    def heard(self) -> Heard | None:
        """What the latest answer told beside its body; ``None`` before the first."""
        ...

    def at(self, host: str) -> "Api":
        """The same service at another configured host; raises `NotFoundError` for any other."""
        ...

    async def get(self, path: str, params: Mapping[str, Any] | None = None, *, foreign: bool = False) -> Reply:
        """GET with retries; ``None`` and empty parameters are left out, lists are repeated."""
        ...

    async def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
        enough: Callable[[bytes | bytearray], bool] | None = None,
        moved: bool = False,
    ) -> Reply:
        """POST, PATCH, PUT or DELETE; retried only where ``idempotent`` says that it does no harm.

        ``enough`` is shown the body so far whenever more of it has come; once it is true, the rest is not waited for.
        With ``moved`` a redirect is an answer, not followed: a login sets its session in one.
        """
        ...

    def stream(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        foreign: bool = False,
    ) -> AbstractAsyncContextManager[Body]:
        """GET whose body comes in chunks."""
        ...


Login = Callable[[Api, Callable[[str], None]], Awaitable[str]]
"""A service's own way to log a person in: what shows them what to do → the token; raises the errors of `ci_mcp.errors`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What triage asks of a provider; ``None`` where the vendor cannot serve it.

    Attributes:
        identity: who the token is; the cheapest authorised read where no call tells.
        locate: a pasted URL of this service → what it names, ``None`` where it names nothing.
        discover: a git checkout → the projects that build it.
        runs: runs of a project, newest first, with durations.
        run: run id → the run with its jobs.
        whole: a run that ``runs`` has just listed → the same with its jobs, for fewer requests than ``run`` takes;
            ``None`` where it takes as many.
        statuses: runs that ``runs`` has just listed → the same, those whose status it left open with their status,
            which costs a request for each; ``None`` where a list tells every status.
        poll: a run that went on when ``run`` or this last showed it → the same now, for fewer requests than ``run``
            takes; ``None`` where that takes one anyway.
        failures: a run (and, where given, one job id) → why its jobs are not green.
        log: ``Job.log_id`` → the job's log as bytes, steps marked in GitHub's notation
            (``##[group]NAME``, ``##[endgroup]``, ``##[error]Process completed with exit code N.``).
        few_logs: the jobs of a run that is about to be explained → the same, those that are worth it with a
            ``log_id``; ``None`` where a log takes one request.
        rerun: run id, failed jobs only or all → the id of the new run.
        reruns_all: in words, why ``rerun`` also runs again what passed, where the vendor has no other way.
        flaky: project → the tests that the vendor calls flaky.
        tokens: the text of the vendor's own command line's file → host → token.
        login: the service's own way to log a person in, told what to show them → the token.
        numbered: runs are counted within their project: ``PROJECT#RUN`` of a target is handed on as it is.
        branches: false where the vendor knows no branches, so that a target cannot name one.
        needs: tool, without the provider's name → the scope that a token needs for it; empty where it needs none.
            A scope is spelled as ``identity`` tells those of the token.
        pages: how the lists of the vendor's API go on, for calls that know nothing else of it; the first that tells
            counts.
    """

    identity: Callable[[Api], Awaitable[Identity]] | None = None
    locate: Callable[[Api, str], Awaitable[Place | None]] | None = None
    discover: Callable[[Api, Checkout], Awaitable[list[Place]]] | None = None
    runs: Callable[[Api, RunQuery], Awaitable[list[Run]]] | None = None
    run: Callable[[Api, str], Awaitable[Run]] | None = None
    whole: Callable[[Api, Run], Awaitable[Run]] | None = None
    statuses: Callable[[Api, Sequence[Run]], Awaitable[list[Run]]] | None = None
    poll: Callable[[Api, Run], Awaitable[Run]] | None = None
    failures: Callable[[Api, Run, str], Awaitable[list[Failure]]] | None = None
    log: Callable[[Api, str], AsyncIterator[bytes]] | None = None
    few_logs: Callable[[Api, Sequence[Job]], tuple[Job, ...]] | None = None
    rerun: Callable[[Api, str, bool], Awaitable[str]] | None = None
    reruns_all: str = ""
    flaky: Callable[[Api, str], Awaitable[list[TestCase]]] | None = None
    tokens: Callable[[str], Mapping[str, str]] | None = None
    login: Login | None = None
    numbered: bool = False
    branches: bool = True
    needs: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[Onward, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool: a function and what clients are told of it.

    Attributes:
        name: ``<provider>_<noun>_<verb>``.
        function: takes the Api (a ``ci_`` tool: the services) and then its own parameters by name.
        core: belongs to the toolset that everybody gets.
        read_only: changes nothing.
        destructive: may end or overwrite something.
        idempotent: twice is the same as once.
        starts: starts a run, so an agent in a loop is held back (`ci_mcp.server`).
    """

    name: str
    function: Callable[..., Awaitable[Any]]
    core: bool = False
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = False
    starts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text that a person hands to an agent: ``function`` takes the services, and then its arguments by name."""

    name: str
    function: Callable[..., Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something to be read by its URI.

    Attributes:
        template: its URI (RFC 6570), such as ``fwci://job/{id}``; ``{+path}`` may hold slashes.
        name: for people to choose by.
        function: takes the Api (triage: the services), and then the template's variables by name.
        mime_type: of what it gives.
    """

    template: str
    name: str
    function: Callable[..., Awaitable[Any]]
    mime_type: str = "application/json"


@dataclass(slots=True)
class Provider:
    """One CI: its facts, its tools in the order declared, its hooks; ``complete`` fills in arguments of its own."""

    name: str
    service: Service | None = None
    hooks: Hooks = field(default_factory=Hooks)
    tools: dict[str, Tool] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    complete: Complete | None = None

    def read(self, *, core: bool = False) -> Callable[[F], F]:
        """Declare a tool that changes nothing."""

        def declare(function: F) -> F:
            self._add(Tool(name=self._name(function), function=function, core=core, idempotent=True))
            return function

        return declare

    def write(
        self, *, core: bool = False, destructive: bool = False, idempotent: bool = False, starts: bool = False
    ) -> Callable[[F], F]:
        """Declare a tool that changes something; ``starts`` where it starts a run."""

        def declare(function: F) -> F:
            name = self._name(function)
            self._add(
                Tool(
                    name=name,
                    function=function,
                    core=core,
                    read_only=False,
                    destructive=destructive,
                    idempotent=idempotent,
                    starts=starts,
                )
            )
            return function

        return declare

    def prompt(self, function: F) -> F:
        """Declare a prompt: its name is the function's."""
        self.prompts[function.__name__] = Prompt(name=function.__name__, function=function)
        return function

    def resource(self, template: str, mime_type: str = "application/json") -> Callable[[F], F]:
        """Declare a resource: its name is the function's."""

        def declare(function: F) -> F:
            name = function.__name__.replace("_", " ")
            self.resources[template] = Resource(template=template, name=name, function=function, mime_type=mime_type)
            return function

        return declare

    def _name(self, function: Callable[..., Awaitable[Any]]) -> str:
        return f"{self.name}_{function.__name__}"

    def _add(self, tool: Tool) -> None:
        if tool.name in self.tools:
            raise ValueError(f"two tools are named {tool.name}")
        self.tools[tool.name] = tool


def excluded(needs: Mapping[str, str], scopes: Collection[str] | None) -> dict[str, list[str]]:
    """The scopes that a token lacks, each with the tools that need it; empty where its scopes are not known."""
    found: dict[str, list[str]] = {}
    for tool, scope in needs.items():
        if scopes is not None and scope and scope not in scopes:
            found.setdefault(scope, []).append(tool)
    return dict(sorted(found.items()))
