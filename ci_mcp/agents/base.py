"""What a coding agent is to ``setup``: where its files are, and how our server is written into them.

An agent's module makes one `Agent` named ``agent``. All of it is facts and pure functions; `ci_mcp.agents.files` does.
"""

import os
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import import_module
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Final, Self

from ci_mcp.auth.service import Service

KEY: Final = "ci"
"""The server's name in every agent's configuration."""

ALWAYS: Final = (
    "CI_MCP_HOME",
    "DBUS_SESSION_BUS_ADDRESS",  # the Linux keyring is reached through these two
    "XDG_RUNTIME_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "GITLAB_CI",  # it says that some of the others are GitLab's own
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine an agent runs on, as far as its paths depend on it.

    Attributes:
        system: as ``sys.platform`` has it: ``linux``, ``darwin``, ``win32``.
        home: the user's folder.
        env: the environment.
        exists: whether there is something at a path.
        which: the path of a program, ``None`` where there is none.
    """

    system: str
    home: PurePath
    env: Mapping[str, str]
    exists: Callable[[PurePath], bool]
    which: Callable[[str], str | None]

    @classmethod
    def here(cls) -> Self:
        """This machine."""
        return cls(
            system=sys.platform,
            home=Path.home(),
            env=os.environ,
            exists=lambda path: Path(path).exists(),
            which=shutil.which,
        )

    def folder(self, variable: str, *default: str) -> PurePath:
        """The folder that a variable names, else one below the user's."""
        named = self.env.get(variable, "")
        return type(self.home)(named) if named else self.home.joinpath(*default)

    def settings(self) -> PurePath:
        """Where desktop programs keep their settings on this system."""
        if self.system == "darwin":
            return self.home.joinpath("Library", "Application Support")
        if self.system == "win32":
            return self.folder("APPDATA", "AppData", "Roaming")
        return self.folder("XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How our server is started.

    Attributes:
        command: the program, by name or by path.
        args: its arguments.
        names: the environment variables that it may need; names alone, never a value.
    """

    command: str
    args: tuple[str, ...] = ("serve",)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How an agent's configuration file holds a server; every function raises `ValueError` for a text it cannot read.

    Attributes:
        read: a text → our server's entry as the file has it, ``None`` where there is none.
        put: a text (``None``: no file) and an entry → the text with it.
        take: a text → the text without it, ``None`` where nothing else was in the file.
        fields: how we start → the entry as the file has it.
        snippet: an entry → what a person adds by hand.
    """

    read: Callable[[str], Any]
    put: Callable[[str | None, Mapping[str, Any]], str]
    take: Callable[[str], str | None]
    fields: Callable[[Entry], dict[str, Any]]
    snippet: Callable[[Mapping[str, Any]], str]

    def add(self, text: str | None, entry: Entry) -> str:
        """The text with our server in it; what a person added to an older entry of ours stays.

        Raises:
            ForeignError: another server has our name.
            ValueError: the text cannot be read.
        """
        old = None if text is None else self.read(text)
        if old is None:
            return self.put(text, self.fields(entry))
        if not is_ours(old):
            raise ForeignError
        new = merged(old, self.fields(entry))
        return text if text is not None and new == old else self.put(text, new)

    def remove(self, text: str) -> str | None:
        """The text without our server, ``None`` where nothing else was in the file; another's of our name stays.

        Raises:
            ValueError: the text cannot be read.
        """
        return self.take(text) if is_ours(self.read(text)) else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A coding agent.

    Attributes:
        name: as ``--agent`` takes it.
        title: how people write it.
        form: how its files hold a server.
        user_file: where it keeps a person's configuration.
        project_file: where a project keeps it, below the project's folder; ``None`` where it knows no projects.
        programs: its commands; one on the path is a sign that it is in use.
        signs: files and folders below the user's folder that are such a sign, as a function of the machine.
        project_signs: the same below the project's folder.
        guide: the file in a project that it reads for guidance, below the project's folder; empty for none.
        guide_head: what a new guide file begins with.
        steps: scope → the one step that it asks of its user after a change.
        through: its own program adds and removes a user's servers, by the words that follow its name
            (see `ci_mcp.agents.claude`); ``None`` where we write the file.
    """

    name: str
    title: str
    form: Form
    user_file: Callable[[Machine], PurePath]
    project_file: Callable[[Machine, PurePath], PurePath] | None = None
    programs: tuple[str, ...] = ()
    signs: Callable[[Machine], Iterable[PurePath]] = lambda _: ()
    project_signs: tuple[str, ...] = ()
    guide: str = ""
    guide_head: str = ""
    steps: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    through: "Through | None" = None

    def file(self, machine: Machine, root: PurePath | None) -> PurePath | None:
        """The configuration file of a project, or with no project the user's; ``None`` where there is no such."""
        if root is None:
            return self.user_file(machine)
        return self.project_file(machine, root) if self.project_file else None

    def present(self, machine: Machine, root: PurePath | None) -> bool:
        """Whether it seems to be in use here."""
        signs = [*self.signs(machine), *(root.joinpath(*sign.split("/")) for sign in self.project_signs if root)]
        return any(machine.which(program) for program in self.programs) or any(machine.exists(path) for path in signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """An agent's own program that edits its user's configuration.

    Attributes:
        program: its name.
        add: an entry → the words that add our server.
        remove: the words that take it out.
    """

    program: str
    add: Callable[[Entry], tuple[str, ...]]
    remove: tuple[str, ...]


class ForeignError(ValueError):
    """A server that is not ours has our name."""

    def __str__(self) -> str:
        """In words."""
        return f'it has a server named "{KEY}" that does not start ci-mcp'


def names_for(services: Iterable[Service]) -> tuple[str, ...]:
    """The environment variables that these services may be configured with, and those that are always needed."""
    found = dict.fromkeys(
        variable_of(name)
        for service in services
        for one in fields(service)
        if one.name.endswith("_env")
        for name in getattr(service, one.name)
    )
    return (*found, *(name for name in ALWAYS if name not in found))


def variable_of(name: str) -> str:
    """The variable that a service names, alone or as ``SETTING=VARIABLE``."""
    return name.rpartition("=")[2]


def words(entry: Any) -> list[str]:
    """The command line of an entry in whatever notation: program and arguments; empty where it has none."""
    if not isinstance(entry, Mapping):
        return []
    command, args = entry.get("command"), entry.get("args", [])
    parts = [*(command if isinstance(command, list) else [command]), *(args if isinstance(args, list) else [])]
    return [str(part) for part in parts] if all(isinstance(part, str) for part in parts) else []


def is_ours(entry: Any) -> bool:
    """Whether an entry starts ci-mcp: by name, by path, or through Python or a runner such as uvx."""
    stems = [word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe").lower() for word in words(entry)]
    return any(stem in {"ci-mcp", "ci_mcp"} for stem in stems[:3])


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """An older entry of ours brought up to date: how it starts is ours, what a person set beside that stays."""
    mine = {"type": new.get("type"), "command": _command(old, new), "args": _args(old, new)}
    return {
        **old,
        **{key: _joined(old[key], part) if key in old else part for key, part in new.items()},
        **{key: part for key, part in mine.items() if key in new},
    }


def _args(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    args = list(new.get("args", []))
    before = old.get("args")
    return [*args, *_further(before)] if isinstance(before, list) else args


def _command(old: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
    command, before = new.get("command"), old.get("command")
    return [*command, *_further(before[1:])] if isinstance(command, list) and isinstance(before, list) else command


def _further(args: list[str]) -> list[str]:
    """The options that a person gave to ``serve``; whether it is read-only is for `setup` to say."""
    return [word for word in args[1:] if word != "--read-only"] if args[:1] == ["serve"] else []


def _joined(old: Any, new: Any) -> Any:
    """A setting that both have: a person's own stays; of variables, those that are missing are added."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        own = {name: part for name, part in old.items() if part not in _notations(name)}
        return {**old, **new, **own}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *(part for part in new if part not in old)]
    return old


def _notations(name: str) -> tuple[str, ...]:
    return ("", f"${name}", f"${{{name}}}", f"${{env:{name}}}")


@cache
def agents() -> Mapping[str, Agent]:
    """Every agent whose module is there, by name."""
    package = import_module("ci_mcp.agents")
    modules = (import_module(f"ci_mcp.agents.{module.name}") for module in pkgutil.iter_modules(package.__path__))
    found = [module.agent for module in modules if hasattr(module, "agent")]
    return MappingProxyType({agent.name: agent for agent in found})
