"""``ci-mcp doctor``: each configured service asked, and the machine looked at; on a terminal as panels."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.context import Options, run_async

if TYPE_CHECKING:
    from rich.console import Console

    from ci_mcp.cli.checks import Checked, Fact, Report
    from ci_mcp.core.services import Services

Line = tuple[str, str, str]
"""A label, what is said, and the style of it on a terminal."""

_SHOWN_TOOLS = 6


@click.command(
    epilog="\b\nExamples:\n  ci-mcp doctor\n  ci-mcp doctor --json | jq '.providers[] | select(.ok | not)'\n\n"
    "Exit code: 0 every configured CI works, 1 one does not, 3 none is configured."
)
@click.option("--json", "as_json", is_flag=True, help="For programs; the shape is stable.")
@click.pass_obj
def doctor(options: Options, as_json: bool) -> int:
    """Check each CI, and what stands between it and this machine."""
    from ci_mcp.cli.checks import Report, check_machine, check_services
    from ci_mcp.errors import AuthError

    async def look(services: "Services") -> Report:
        return Report(await check_services(services), await check_machine(services))

    report = run_async(options, look)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _panels(report)
    else:
        click.echo("\n".join(plain_lines(report)))
    if not report.services:
        raise AuthError(
            "no CI is configured",
            'run "ci-mcp auth login PROVIDER", or set its token in the environment (see the README); '
            "to look around without an account: ci-mcp demo",
        )
    return int(not report.ok)


def plain_lines(report: "Report") -> Iterator[str]:
    """The report for a pipe: a line for each service and fact, what belongs to it indented below."""
    for one in report.services:
        yield f"{_state(one)}  {one.provider}  {one.host}".rstrip()
        yield from (f"    {label:<12}{text}" for label, text, _ in service_lines(one))
    for fact in report.machine:
        yield f"{'look' if fact.problem else 'ok'}  {fact.what}  {fact.found}"
        if fact.problem:
            yield f"    {'problem':<12}{fact.problem}: {fact.next}"


def _state(one: "Checked") -> str:
    return "ok" if not one.problem else one.kind.replace("_", " ") if one.ok else "fails"


def service_lines(one: "Checked") -> Iterator[Line]:
    """What is known of one service, the telling things first."""
    from ci_mcp.core.answer import safe
    from ci_mcp.triage.words import count

    if one.problem:
        yield "problem", safe(one.problem), "yellow" if one.ok else "bold red"
        yield "next", safe(one.next), "bold"
    for warning in one.warnings:
        yield "warning", warning, "yellow"
    yield from _said("who", safe(one.name))
    yield from _said("token from", one.source)
    yield from _said("for", safe(one.audience))
    yield from _said("ends", one.expires.strftime("%Y-%m-%d") if one.expires else "")
    yield from _said("scopes", safe(", ".join(one.scopes or ())))
    for scope, tools in one.excluded.items():
        rest = len(tools) - _SHOWN_TOOLS
        more = f" and {count(rest, 'more', 'more')}" if rest > 0 else ""
        yield "not allowed", f"{', '.join(tools[:_SHOWN_TOOLS])}{more} (needs {scope})", "yellow"
    yield from _said("answered in", "" if one.seconds is None else f"{one.seconds:.2f} s")
    yield from _said("left", "" if one.remaining is None else count(one.remaining, "request"))
    yield from _said("through", one.proxy)
    yield from _said("note", safe(one.note))


def _said(label: str, text: str) -> Iterator[Line]:
    if text:
        yield label, text, ""


def _panels(report: "Report") -> None:
    from rich.console import Console

    console = Console()
    for one in report.services:
        style = "red" if not one.ok else "yellow" if one.problem or one.warnings else "green"
        _panel(console, f"{_state(one)}  {one.provider}  {one.host}".rstrip(), list(service_lines(one)), style)
    lines = [line for fact in report.machine for line in _fact_lines(fact)]
    _panel(console, "this machine", lines, "yellow" if any(fact.problem for fact in report.machine) else "green")


def _fact_lines(fact: "Fact") -> Iterator[Line]:
    yield fact.what, fact.found, ""
    if fact.problem:
        yield "", f"{fact.problem}: {fact.next}", "yellow"


def _panel(console: "Console", title: str, lines: list[Line], style: str) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text, of in lines:
        table.add_row(label, Text(text, style=of))
    console.print(Panel(table, title=Text(title, style=f"bold {style}"), title_align="left", border_style=style))
