"""Fit an answer into its budget, and say what went and how to get it."""

from dataclasses import replace
from typing import Any

from ci_mcp.core.answer import Answer, compact, render
from ci_mcp.core.fence import closing
from ci_mcp.core.shapes import Page, Prose

DEFAULT_TOKENS = 4_000
MOST_TOKENS = 10_000
_CHARACTERS = 4  # in a token, by the estimate that all budgets use
_SHORTEST = 200  # a text in a record is never cut below this many characters
_FEWEST = 3  # nor a list below this many entries
_NAMED = 80  # characters that the words for one cut take


def fit(value: Any, budget: int = DEFAULT_TOKENS) -> Answer:
    """The answer within ``budget`` tokens.

    A page keeps its first items, counts the others in ``omitted`` and continues with ``next``.
    Prose keeps its first lines. A record loses the ends of its longest texts and lists,
    which it names under ``cut``.
    """
    room = min(budget, MOST_TOKENS) * _CHARACTERS
    answer = render(value)
    if len(answer.text) <= room:
        return answer
    if isinstance(value, Page):
        data = _fewer(value, answer.data, room)
        return Answer(compact(data), data, structured=True)
    if isinstance(value, Prose):
        return render(replace(value, text=shorten(value.text, room)))
    data = _smaller(answer.data, room)
    return Answer(compact(data), data, structured=True)


def shorten(text: str, room: int) -> str:
    """The first lines of a text in ``room`` characters, after a line that says how many went."""
    lines = text.split("\n")
    used, kept = 120, 0  # the line that says what went has its place first
    for line in lines:
        if used + len(line) + 1 > room:
            break
        used += len(line) + 1
        kept += 1
    head = f"[cut to fit: {len(lines) - kept} of {len(lines)} lines left out at the end; ask for less at a time]"
    end = closing(lines[:kept])
    return "\n".join([head, *(lines[:kept] or [lines[0][: max(0, room - 120)]]), *([end] if end else [])])


def _fewer(page: Page[Any], data: dict[str, Any], room: int) -> dict[str, Any]:
    """The first items of a page's data that fit; they are JSON already, and are not made so again."""
    items = data["items"]
    used = frame = len(compact(data | {"items": [], "omitted": len(items), "next": "x" * 40}))
    kept = 0
    for item in items:
        used += len(compact(item)) + 1
        if used > room:
            break
        kept += 1
    # Not even one item fits: it is shown cut, so that a list never comes back empty for its size.
    shown = items[:kept] or [_smaller(items[0], room - frame)]
    cursor = page.after[len(shown) - 1] if len(shown) <= len(page.after) else page.next
    return data | {"items": shown, "next": cursor, "omitted": len(items) - len(shown)}


def _smaller(data: dict[str, Any], room: int) -> dict[str, Any]:
    cut: list[str] = []
    while (excess := len(compact(data)) + len(compact(cut)) + 20 - room) > 0:
        path, part = max(_parts(data), key=lambda found: len(compact(found[1])), default=((), None))
        if part is None:
            break
        floor = max(_SHORTEST, len(part) - excess - _NAMED) if isinstance(part, str) else _FEWEST
        keep = part[: max(floor, len(part) // 2)]
        _put(data, path, keep + "…" if isinstance(part, str) else keep)
        name = ".".join(map(str, path))
        cut = [said for said in cut if not said.startswith(f"{name}: ")]
        cut.append(f"{name}: first {len(keep)} {'characters' if isinstance(part, str) else 'entries'}")
    return data | {"cut": cut} if cut else data


def _parts(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    found: list[tuple[tuple[Any, ...], Any]] = []
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        here = (*path, key)
        if (isinstance(value, str) and len(value) > _SHORTEST + 1) or (
            isinstance(value, list) and len(value) > _FEWEST
        ):
            found.append((here, value))
        if isinstance(value, (dict, list)):
            found += _parts(value, here)
    return found


def _put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value
