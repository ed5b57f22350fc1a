"""One table of a TOML file put in and taken out, every other byte left as it is.

A new table is added as lines at the end. One that is there is edited by tomlkit, in whatever notation it is written.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ci_mcp.agents import text as lines

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_BOM: Final = "\ufeff"


class NotTomlError(ValueError):
    """The text is not TOML, or has something else where the table belongs; says what and where."""


def read(text: str, root: str, key: str) -> Any:
    """The value of ``root.key``; ``None`` where there is none.

    Raises:
        NotTomlError: the text is not TOML, or no table where one is needed.
    """
    try:
        data = tomllib.loads(text.removeprefix(_BOM))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NotTomlError(f"it is not TOML ({error})") from None
    container = data.get(root, {})
    if not isinstance(container, dict):
        raise NotTomlError(f'its "{root}" is no table')
    return container.get(key)


def put(text: str | None, root: str, key: str, value: Mapping[str, Any]) -> str:
    """The text with the table ``root.key`` set; ``None`` stands for a file that is not there.

    Raises:
        NotTomlError: the text is not TOML, or cannot be edited without changing what is not ours.
    """
    block = _block(root, key, value)
    if text is None:
        return lines.append(None, block)
    if read(text, root, key) is None:
        new = lines.append(text, block)
        if _is(new, text, root, key, value) and take(new, root, key) == text:
            return new
    for start, end in _spans(text, root, key):
        new = lines.replace(text, start, end, block)
        if "#" not in text[start:end] and _is(new, text, root, key, value):
            return new
    return _checked(text, _edited(text, root, key, value), root, key, value)


def take(text: str, root: str, key: str) -> str | None:
    """The text without the table ``root.key``; ``None`` where the file was made by `put` and holds nothing else.

    Raises:
        NotTomlError: the text is not TOML, or cannot be edited without changing what is not ours.
    """
    if read(text, root, key) is None:
        return text
    for start, end in _spans(text, root, key):
        new = lines.cut(text, start, end)
        if new is None or _is(new, text, root, key, None):
            return new
    return _checked(text, _edited(text, root, key, None), root, key, None)


def _spans(text: str, root: str, key: str) -> list[tuple[int, int]]:
    """Where lines stand that look like the table as `put` writes it, the last first."""
    table = rf"^\[{re.escape(f'{root}.{key}')}\][ \t]*\r?\n(?:[^\s\[#][^\r\n]*(?:\r?\n|\Z))*"
    found = re.finditer(table, text, re.MULTILINE)
    return [(one.start(), one.start() + len(one[0].rstrip())) for one in found][::-1]


def _block(root: str, key: str, value: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - only setup edits TOML

    pairs = (f"{name} = {tomlkit.item(part).as_string()}" for name, part in value.items())
    return "\n".join([f"[{root}.{key}]", *pairs])


def _edited(text: str, root: str, key: str, value: Mapping[str, Any] | None) -> str:
    """The text as tomlkit edits it: the keys that differ, or the table away."""
    import tomlkit  # noqa: PLC0415 - only setup edits TOML
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - the same

    bare = text.removeprefix(_BOM)
    try:
        document = tomlkit.parse(bare)
        if tomlkit.dumps(document) != bare:
            raise NotTomlError("its form is too unusual to be edited")
        _change(document, root, key, value)
        new = tomlkit.dumps(document)
        if not re.search(r"(?<!\r)\n", text):  # tomlkit ends its own lines in one way only
            new = re.sub(r"(?<!\r)\n", "\r\n" if "\r" in text else "\n", new)
        if value is not None and not text.endswith("\n"):
            new = new.rstrip("\r\n")
    except (TOMLKitError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotTomlError("its form is too unusual to be edited") from error
    return text[: len(text) - len(bare)] + new


def _change(document: "TOMLDocument", root: str, key: str, value: Mapping[str, Any] | None) -> None:
    container: Any = document.setdefault(root, {})
    if value is None:
        del container[key]
        return
    table = container.setdefault(key, {})
    for name, part in value.items():
        if table.get(name) != part:
            table[name] = part


def _checked(text: str, new: str, root: str, key: str, value: Mapping[str, Any] | None) -> str:
    if not _is(new, text, root, key, value):
        raise NotTomlError("its form is too unusual to be edited")
    return new


def _is(new: str, old: str, root: str, key: str, value: Mapping[str, Any] | None) -> bool:
    """Whether a text says what the old one does, but for the table."""
    try:
        after, wanted = (tomllib.loads(text.removeprefix(_BOM)) for text in (new, old))
    except tomllib.TOMLDecodeError:
        return False
    wanted.setdefault(root, {}).pop(key, None)
    if value is not None:
        wanted[root][key] = dict(value)
    return _bare(after, root) == _bare(wanted, root)


def _bare(data: dict[str, Any], root: str) -> dict[str, Any]:
    return data if data.get(root) else {name: part for name, part in data.items() if name != root}
