"""Terminal output as an SVG picture, the same bytes for the same text."""

import re
from collections.abc import Iterable
from io import StringIO
from typing import Final

from ci_mcp.cli.output import line_style
from ci_mcp.cli.wording import folded

# rich's form asks other hosts for a font, which no viewer of a README loads.
_FONT: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def picture(lines: Iterable[str], width: int) -> str:
    """Lines as a terminal of this width shows them, as SVG."""
    from rich.console import Console

    console = Console(record=True, width=width, file=StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        style = "bold cyan" if line.startswith("$ ") else line_style(line)
        for part in folded(line, width).split("\n"):
            console.print(part, style=style, markup=False, highlight=False)
    svg = _FONT.sub("", console.export_svg(title="ci-mcp", unique_id="ci-mcp"))
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).rstrip() + "\n"
