"""The wheel and the sdist: built here, and looked into."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from ci_mcp import __version__

COMPLETIONS = {
    "ci-mcp.bash": "share/bash-completion/completions/ci-mcp",
    "ci-mcp.zsh": "share/zsh/site-functions/_ci-mcp",
    "ci-mcp.fish": "share/fish/vendor_completions.d/ci-mcp.fish",
}


@pytest.fixture(scope="module")
def wheel(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(pytestconfig.rootpath)).build(directory=str(folder), versions=["standard"])
    assert f"ci_mcp-{__version__}-py3-none-any.whl" == Path(path).name
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def sdist(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files in the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    (path,) = SdistBuilder(str(pytestconfig.rootpath)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(path) as opened:
        return {name.partition("/")[2] for name in opened.getnames()}


def test_the_wheel_has_all_of_the_package(wheel: zipfile.ZipFile, pytestconfig: pytest.Config) -> None:
    """Every module, whatever finds it, and the data beside them: the catalog, the sandbox's logs, the types' mark."""
    root = pytestconfig.rootpath
    files = [path for path in (root / "ci_mcp").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(root).as_posix() for path in files} == {
        name for name in wheel.namelist() if name.startswith("ci_mcp/")
    }
    assert {"ci_mcp/tools.json", "ci_mcp/py.typed", "ci_mcp/sandbox/logs/logs.json"} <= set(wheel.namelist())


def test_the_wheel_starts_the_program_and_brings_its_completions(
    wheel: zipfile.ZipFile, pytestconfig: pytest.Config
) -> None:
    """Where each shell looks for them."""
    about = f"ci_mcp-{__version__}"
    assert "ci-mcp = ci_mcp.__main__:main" in wheel.read(f"{about}.dist-info/entry_points.txt").decode()
    assert f"{about}.dist-info/licenses/LICENSE" in wheel.namelist()
    for name, place in COMPLETIONS.items():
        committed = (pytestconfig.rootpath / "completions" / name).read_bytes()
        assert committed == wheel.read(f"{about}.data/data/{place}")


def test_the_sdist_can_be_built_and_tested(sdist: set[str], pytestconfig: pytest.Config) -> None:
    """It has what the wheel is made of, the tests, and nothing that a machine left behind."""
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"} <= sdist
    assert {f"completions/{name}" for name in COMPLETIONS} <= sdist
    for folder in ("ci_mcp", "tests"):
        modules = {
            path.relative_to(pytestconfig.rootpath).as_posix()
            for path in (pytestconfig.rootpath / folder).rglob("*.py")
        }
        assert modules <= sdist
    left = {"__pycache__", ".venv", ".git", "dist", ".mypy_cache", ".hypothesis"}
    assert set() == {name for name in sdist if left & set(name.split("/"))}


def test_the_version_stands_in_one_place(pytestconfig: pytest.Config) -> None:
    """All else reads it from there."""
    project = (pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8")
    assert 'path = "ci_mcp/__init__.py"' in project
    assert f'"{__version__}"' not in project
