"""The one module that renders: tables, text and colour on a terminal, plain text and JSON in a pipe."""

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ci_mcp.core.answer import Answer
    from ci_mcp.logs.excerpt import Excerpt

FORMATS = ("text", "json")
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
_MATCH = re.compile(r"^ *\d+> ")  # the mark of a line that a search found
_NUMBERED = re.compile(r"^ *(\d+)\| ")


def show(answer: "Answer", wanted: str | None = None) -> None:
    """Print an answer as asked for: by default records as a table on a terminal, as JSON in a pipe."""
    terminal = sys.stdout.isatty()
    if wanted == "json" or (wanted is None and answer.structured and not terminal):
        click.echo(json.dumps(answer.data, ensure_ascii=False, indent=2))
    elif not answer.structured:
        prose(answer.text)
    elif "items" in answer.data:
        _table(answer.data)
    else:
        _record(answer.data)


def prose(text: str) -> None:
    """Print prose: as it is in a pipe, with the telling lines marked in colour on a terminal."""
    if not sys.stdout.isatty():
        click.echo(text)
        return
    console = _console()
    for line in text.split("\n"):
        console.print(line, style=_line_style(line), markup=False, highlight=False, soft_wrap=True)


def excerpted(found: "Excerpt", wanted: str | None) -> None:
    """Print an excerpt; on a terminal the telling lines stand out."""
    from ci_mcp.core.answer import render
    from ci_mcp.core.shapes import Prose

    answer = render(Prose(found.text(), found.records()))
    if wanted == "json" or not sys.stdout.isatty():
        show(answer, wanted)
        return
    telling = {line.number for line in found.lines if line.telling}
    console = _console()
    for line in answer.text.split("\n"):
        number = _NUMBERED.match(line)
        style = "bold red" if number and int(number[1]) in telling else "" if number else "dim"
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _line_style(line: str) -> str:
    if _MATCH.match(line):
        return "bold red"
    if line.startswith(("<<<", ">>>")) or re.match(r"^ *(… )", line):
        return "dim"
    first = line.split(" ", 1)[0].lower()
    return _STYLES.get(first, "")


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _table(data: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    items = data["items"]
    console = _console()
    if not items:
        console.print(data.get("note") or "nothing found", style="dim")
        return
    columns = list(dict.fromkeys(key for item in items for key in item))
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for item in items:
        table.add_row(*(Text(_cell(item.get(column)), style=_style(column, item)) for column in columns))
    console.print(table)
    rest = [f"{data['omitted']} left out"] if data.get("omitted") else []
    if data.get("next"):
        rest.append(f"more with --cursor {data['next']}")
    if data.get("note"):
        rest.append(data["note"])
    if rest:
        console.print("; ".join(rest), style="dim", markup=False)


def _style(column: str, item: dict[str, Any]) -> str:
    return _STYLES.get(str(item.get(column)), "") if column in {"status", "result", "state"} else ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return (
            ", ".join(_cell(part) for part in value)
            if isinstance(value, list)
            else json.dumps(value, ensure_ascii=False)
        )
    return str(value)


def _record(data: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", box=None, show_header=False, pad_edge=False)
    for key, value in data.items():
        rows = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
        for number, row in enumerate(rows):
            text = "  ".join(_cell(part) for part in row.values()) if isinstance(row, dict) else _cell(row)
            table.add_row(Text(key if number == 0 else "", style="bold"), Text(text, style=_style(key, data)))
    _console().print(table)


def heading(title: str, command: str) -> None:
    """Print a title and, under it, the command that gives what follows."""
    console = _console()
    console.print()
    console.rule(title, align="left", style="dim")
    console.print(f"$ {command}\n", style="bold cyan", markup=False, highlight=False, soft_wrap=True)
