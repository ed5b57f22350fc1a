"""The one module that renders: tables, text and colour on a terminal, plain text and JSON in a pipe."""

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ci_mcp.core.answer import Answer

FORMATS = ("text", "json")
_PIPE_WIDTH = 10_000
_GAP = 2  # between two columns
_COMMIT = 10  # characters of a commit, which tell it from all others of a repository
_STYLES = {
    "passed": "green",
    "failed": "bold red",
    "failing": "red",
    "canceled": "magenta",
    "running": "cyan",
    "queued": "yellow",
    "blocked": "yellow",
    "skipped": "dim",
}
# Columns whose text may be cut on a narrow terminal, with the least width that still tells something.
_FLEXIBLE = {
    "title": 12,
    "name": 16,
    "message": 20,
    "description": 16,
    "repository": 20,
    "word": 8,
    "suite": 8,
    "note": 12,
    "problem": 30,
}
# Columns that a narrow terminal goes without, the first to go first; `--format json` has them all.
_SPARE = ("details", "url", "requester", "finished", "created", "pipeline", "actor", "suite", "word")
_KEPT = frozenset({"status", "provider", "id", "name", "title", "branch", "message"})
_LAST = ("name", "title", "branch")  # they go before an id is cut
_TELLING = re.compile(r"^(?: *\d+)?> ")  # the mark of a telling line, and of a line that a search found


def show(answer: "Answer", wanted: str | None = None, width: int = _PIPE_WIDTH) -> None:
    """Print an answer as asked for: by default records as a table on a terminal, as JSON in a pipe.

    A pipe has no width: nothing is cut there, unless ``width`` says otherwise.
    """
    terminal = sys.stdout.isatty()
    if wanted == "json" or (wanted is None and answer.structured and not terminal):
        click.echo(json.dumps(answer.data, ensure_ascii=False, indent=2))
    elif not answer.structured:
        prose(answer.text)
    elif "items" in answer.data:
        _table(answer.data, width)
    else:
        _record(answer.data, width)


def prose(text: str) -> None:
    """Print prose: as it is in a pipe, folded and with the telling lines marked in colour on a terminal."""
    from ci_mcp.cli.wording import as_commands, folded

    said = as_commands(text)
    if not sys.stdout.isatty():
        click.echo(said)
        return
    console = _console()
    for line in said.split("\n"):
        fitting = folded(line, console.width)
        console.print(fitting, style=line_style(line), markup=False, highlight=False, soft_wrap=True)


def json_text(value: Any) -> None:
    """Print JSON on a terminal: indented and coloured, characters that do not show as escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if not text.isascii():
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    _console().print_json(text, ensure_ascii=False)


def line_style(line: str) -> str:
    """The style of a line of prose on a terminal: of its status, of a telling line, of a fence."""
    if _TELLING.match(line):
        return "bold red"
    if line.startswith(("<<<", ">>>")) or re.match(r"^ *(… )", line):
        return "dim"
    first = line.split(" ", 1)[0].lower()
    return _STYLES.get(first, "")


def _console(width: int = _PIPE_WIDTH) -> "Console":
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=width)


def _table(data: dict[str, Any], width: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from ci_mcp.cli.wording import as_commands

    items = [item | {"commit": str(item["commit"])[:_COMMIT]} if "commit" in item else item for item in data["items"]]
    console = _console(width)
    columns = _columns(items, console.width)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    widths = _widths(items, columns, console.width)
    for item in items:
        cells = [Text(_cell(item.get(column)), style=_style(column, item)) for column in columns]
        for cell, most in zip(cells, widths, strict=True):
            cell.truncate(most, overflow="ellipsis")
        table.add_row(*cells)
    if items:
        console.print(table)
    rest = [f"{data['omitted']} left out"] if data.get("omitted") else []
    if data.get("next"):
        rest.append(f"more with --cursor {data['next']}")
    if data.get("note") or not items:
        rest.append(as_commands(data.get("note") or "nothing found"))
    if rest:
        console.print("; ".join(rest), style="dim", markup=False, highlight=False, soft_wrap=True)


def _columns(items: list[dict[str, Any]], room: int) -> list[str]:
    """The columns that fit: ids stay whole, so that they can be copied; what can be looked up goes first."""
    columns = list(dict.fromkeys(key for item in items for key in item))
    last = _LAST if "title" in columns else _LAST[1:]
    goes = [*_SPARE, *(column for column in reversed(columns) if column not in _KEPT), *last]
    for spare in goes:
        need = sum(_least(items, column) + _GAP for column in columns)
        if need > room and spare in columns:
            columns.remove(spare)
    return columns


def _widths(items: list[dict[str, Any]], columns: list[str], room: int) -> list[int]:
    """The width of each column: its least, and for those that can use more a share of what is left."""
    widths = [_least(items, column) for column in columns]
    spare = room - sum(widths) - _GAP * len(widths)
    for number, column in enumerate(columns):
        more = min(max(spare, 0), _width(items, column) - widths[number])
        widths[number] += more
        spare -= more
    return widths


def _least(items: list[dict[str, Any]], column: str) -> int:
    """The least width of a column: all of it, or what still tells something where it may be cut."""
    width = _width(items, column)
    return min(width, _FLEXIBLE.get(column, width))


def _width(items: list[dict[str, Any]], column: str) -> int:
    return max(len(column), *(len(_cell(item.get(column))) for item in items))


def _style(column: str, item: dict[str, Any]) -> str:
    return _STYLES.get(str(item.get(column)), "") if column in {"status", "result", "state"} else ""


def _cell(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(part)}" for key, part in value.items())
    return " ".join(str(value).split())


def _record(data: dict[str, Any], width: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from ci_mcp.cli.wording import as_commands

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # what is copied, such as a URL, is all there
    for key, value in data.items():
        records = isinstance(value, list) and value and isinstance(value[0], dict)
        for number, row in enumerate(value if records else [value]):
            text = "  ".join(_cell(part) for part in row.values()) if records else _cell(row)
            text = as_commands(text) if key == "note" else text
            table.add_row(Text(key if number == 0 else "", style="bold"), Text(text, style=_style(key, data)))
    _console(width).print(table)


def styled(text: str, style: str = "") -> None:
    """Print a line, in a style on a terminal."""
    if sys.stdout.isatty():
        _console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)
    else:
        click.echo(text)


def heading(title: str, command: str) -> None:
    """Print a title and, under it, the command that gives what follows."""
    console = _console()
    console.print(f"\n── {title} {'─' * (60 - len(title))}", style="dim", highlight=False, soft_wrap=True)
    console.print(f"$ {command}\n", style="bold cyan", markup=False, highlight=False, soft_wrap=True)
