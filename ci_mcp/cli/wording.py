"""Prose as a person reads it in a shell: calls as the commands that they are, long lines folded to a terminal."""

import re
from typing import Final

from ci_mcp.core.catalog import load

_VALUE: Final = r"\"[^\"\n]*\"|'[^'\n]*'|[\w.:-]+"
_CALL: Final = re.compile(rf"\b([a-z]+_\w+)\(((?:\w+=(?:{_VALUE})(?:, )?)*)\)(?: or (\w+=\"?[A-Z]+\"?))?")
_ARGUMENT: Final = re.compile(rf"(\w+)=({_VALUE})")
_PLAIN: Final = re.compile(r"[\w.:/@#%+=-]+")
_MARKED: Final = re.compile(r"^ *\d*[>|] ")  # a line of a log
_RULE: Final = re.compile(r"([=_─*-])\1{9,}")
_LEAST_RULE: Final = 3
_HANG: Final = "    "


def as_commands(text: str) -> str:
    """The text with every call of a tool as the command that does it; what a log says stays as it is."""
    lines, fence = [], ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line == fence else fence
            lines.append(line)
            continue
        if line.startswith("<<<"):
            fence = f">>>{line.rpartition(' ')[2]}"
        said = _CALL.sub(_command, line)
        lines.append(_ARGUMENT.sub(_option, said) if said.startswith("more: ") else said)
    return "\n".join(lines)


def _command(found: re.Match[str]) -> str:
    spec = load().tools.get(found[1])
    if spec is None:
        return found[0]
    given = _ARGUMENT.findall(found[2])
    if spec.provider == "ci":
        words = [value if key == "target" else f"--{key} {value}" for key, value in given]
        return " ".join(["ci-mcp", spec.name.removeprefix("ci_"), *(_shell(word) for word in words)])
    more = f" (or {_ARGUMENT.sub(_option, found[3])})" if found[3] else ""
    options = [_option(one) for one in _ARGUMENT.finditer(found[2])]
    return " ".join(["ci-mcp", spec.provider, *spec.words, *options]) + more


def _option(found: re.Match[str]) -> str:
    flag = found[1].replace("_", "-")
    if found[2] in {"true", "false"}:
        return f"--{flag}" if found[2] == "true" else f"--no-{flag}"
    return f"--{flag} {_shell(found[2])}"


def _shell(word: str) -> str:
    """A value without the quotes that a shell does not need."""
    bare = word.strip("\"'")
    return bare if _PLAIN.fullmatch(bare) else word


def folded(line: str, width: int) -> str:
    """A line that fits: rules become shorter, the rest is folded at spaces and hangs; a command stays in one piece."""
    over = len(line) - width
    rules = [len(rule[0]) for rule in _RULE.finditer(line)] if over > 0 else []
    if rules:
        less = -(-over // len(rules))
        line = _RULE.sub(lambda rule: rule[0][: max(_LEAST_RULE, len(rule[0]) - less)], line)
    if len(line) <= width or "ci-mcp " in line:
        return line
    hang = _HANG if _MARKED.match(line) else "  "
    parts, rest = [], line
    while len(rest) > width:
        at = rest.rfind(" ", len(hang) + 1, width + 1)
        if at < 0:
            break
        parts.append(rest[:at])
        rest = hang + rest[at + 1 :]
    return "\n".join([*parts, rest])
