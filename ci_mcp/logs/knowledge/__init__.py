"""What tools say when something fails: one table a family of tools, every entry with an example line.

To teach the log engine a tool, add an entry to the table it belongs to. Every module here that has ``RULES`` is read.
"""

import pkgutil
from importlib import import_module

from ci_mcp.logs.rules import Rule


def all_rules() -> tuple[Rule, ...]:
    """Every entry of every table, in a stable order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(rule for name in names for rule in import_module(f"{__name__}.{name}").RULES)
