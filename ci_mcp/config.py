"""The settings file and the folders, as one frozen dataclass.

``config.toml`` holds no secrets. Flags and environment variables go before it: whoever reads a setting sees to that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from ci_mcp.errors import UsageError

FILE: Final = "config.toml"

_KINDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number above 0",
    str: "a text",
    list: 'a list of texts, such as ["a", "b"]',
}
_TOP: Final[Mapping[str, type]] = {"read_only": bool, "toolset": str, "providers": list, "allow_http": list}
_SECTIONS: Final[Mapping[str, Mapping[str, type]]] = {
    "cache": {"max_mb": int, "max_days": int},
    "semaphore": {"hosts": list},
    "circleci": {"base_url": str, "private_output": bool},
    "buildkite": {"base_url": str},
    "pocketci": {"url": str},
    "firmwareci": {"mcp_url": str, "org": str},
    "buildbot": {"url": str},
}
_TOOLSETS: Final = ("core", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the settings file says, and where things are kept.

    Attributes:
        config_dir: where the settings file is.
        data_dir: where notes are kept (which hosts have a token, never the token).
        cache_dir: where logs are kept.
        read_only: offer no tool that changes something (``serve`` only).
        toolset: ``core`` or ``all``.
        providers: only these; empty for every configured one.
        allow_http: hosts (or ``host:port``) that may be spoken to without TLS.
        cache_max_mb: size of the cache in MB (2**20 bytes).
        cache_max_days: how long a log that nobody reads is kept.
        sections: the providers' own settings, by provider and key.
    """

    config_dir: Path
    data_dir: Path
    cache_dir: Path
    read_only: bool = False
    toolset: str = "core"
    providers: tuple[str, ...] = ()
    allow_http: tuple[str, ...] = ()
    cache_max_mb: int = 500
    cache_max_days: int = 30
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, env: Mapping[str, str]) -> Self:
        """Read the settings file; without one everything has its default.

        Args:
            env: the environment; only ``CI_MCP_HOME`` is read.

        Raises:
            UsageError: the file cannot be read, or a key or value in it is wrong.
        """
        folders = _folders(env.get("CI_MCP_HOME", ""))
        path = folders["config_dir"] / FILE
        settings = _read(path)
        top = {key: value for key, value in settings.items() if key not in _SECTIONS}
        sections = {name: _section(path, name, settings[name]) for name in _SECTIONS if name in settings}
        _check(path, "", top, _TOP, also=_SECTIONS)
        if top.get("toolset", "core") not in _TOOLSETS:
            raise UsageError(f"{path}: toolset is {top['toolset']!r}", 'it is "core" or "all"')
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in top.items()}
        values |= {f"cache_{key}": value for key, value in sections.pop("cache", {}).items()}
        return cls(**folders, **values, sections=MappingProxyType(sections))

    def setting(self, provider: str, key: str) -> Any:
        """One setting of a provider; ``None`` where the file does not have it."""
        return self.sections.get(provider, {}).get(key)

    def hosts(self, provider: str, key: str) -> tuple[str, ...]:
        """The hosts or URLs that a provider's setting names, whether it takes one or several."""
        value = self.setting(provider, key)
        if isinstance(value, str):
            return (value,) if value else ()
        return tuple(value or ())


def _folders(home: str) -> dict[str, Any]:
    if home:
        root = Path(home).expanduser().absolute()
        return {f"{kind}_dir": root / kind for kind in ("config", "data", "cache")}
    import platformdirs  # noqa: PLC0415 - costs start-up where CI_MCP_HOME says it all

    folders = platformdirs.PlatformDirs("ci-mcp", appauthor=False)
    return {
        "config_dir": folders.user_config_path,
        "data_dir": folders.user_data_path,
        "cache_dir": folders.user_cache_path,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "make it readable, or move it away") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8", "save it as UTF-8") from error
    import tomllib  # noqa: PLC0415 - most people have no settings file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}", "correct that line") from error


def _section(path: Path, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {name} is a section", f"write [{name}] on a line of its own, its keys below")
    _check(path, name, value, _SECTIONS[name])
    return MappingProxyType({key: tuple(v) if isinstance(v, list) else v for key, v in value.items()})


def _check(
    path: Path, section: str, values: Mapping[str, Any], known: Mapping[str, type], also: Iterable[str] = ()
) -> None:
    for key, value in values.items():
        name = f"{section}.{key}" if section else key
        if key not in known:
            raise UsageError(f"{path}: no such setting: {name}", _near(key, [*known, *also]))
        if not _fits(value, known[key]):
            raise UsageError(f"{path}: {name} has a wrong value", f"it is {_KINDS[known[key]]}")


def _fits(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, kind)


def _near(key: str, known: list[str]) -> str:
    if key in _TOP:
        return "it belongs above the first [section]"
    import difflib  # noqa: PLC0415 - for the error alone

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the settings here are {', '.join(known)}"
