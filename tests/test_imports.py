"""The direction of imports, read from the source: a lower room never knows a higher one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ci_mcp

PACKAGE = Path(ci_mcp.__file__).parent
# Each room, and the rooms it may import besides itself. Lower ones come first.
LOW = {"", "errors", "status", "environment"}
SIDE = LOW | {"config", "net", "logs", "auth"}
CORE = SIDE | {"core"}
ALLOWED = {
    "errors": LOW,
    "status": LOW,
    "environment": LOW,
    "config": SIDE,
    "net": SIDE,
    "logs": SIDE,
    "auth": SIDE,
    "core": CORE,
    "providers": CORE | {"providers"},
    "triage": CORE | {"triage"},
    "agents": CORE | {"agents"},
    "server": CORE,
    "sandbox": LOW | {"sandbox"},
    "cli": CORE | {"triage", "agents", "server", "cli", "sandbox"},
    "__main__": LOW | {"cli"},
    "": LOW,
}
ONLY_IN = {
    "httpx": {"net"},
    "click": {"cli"},
    "rich": {"cli"},
    "mcp": {"server", "sandbox"},
    "mcp_types": {"server", "sandbox"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "keyring": {"auth"},
    "tomlkit": {"agents"},
}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    """The room a module is in: the first part of its path."""
    first = module.parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(module: Path) -> Iterator[str]:
    """What a module imports, anywhere in it."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "ci_mcp"
                else [node.module or ""]
            )


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_only_what_lies_below_it(module: Path) -> None:
    """Every import of our own is allowed for the module's room, those inside functions too."""
    rooms = {name.split(".")[1] for name in imports(module) if name.startswith("ci_mcp.")}
    assert set() == rooms - ALLOWED[room_of(module)] - {room_of(module), "__version__"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_library_is_imported_only_in_its_room(module: Path) -> None:
    """Httpx in net, click and rich in cli, the SDK in the server: so each can be replaced alone."""
    libraries = {name.split(".")[0] for name in imports(module)}
    assert set() == {name for name in libraries & set(ONLY_IN) if room_of(module) not in ONLY_IN[name]}


def test_the_test_sees_the_whole_package() -> None:
    """A walk that finds nothing would pass everything."""
    assert {"core", "net", "logs", "providers", "cli", "server"} <= {room_of(module) for module in MODULES}
