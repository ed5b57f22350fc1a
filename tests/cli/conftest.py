"""The command line run in this process."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keyring
import pytest
from keyring.backend import KeyringBackend

from ci_mcp.cli.app import run
from ci_mcp.sandbox.serve import Service, start


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def ci_mcp(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """Run ``ci-mcp`` with these words; what it set of logging is undone."""

    def call(*words: str) -> Ran:
        capsys.readouterr()
        code = run(list(words))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    yield call
    logging.getLogger("ci_mcp").setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Service]]:
    """Every service of the sandbox."""
    with start() as served:
        yield served


@pytest.fixture
def configured(services: dict[str, Service], monkeypatch: pytest.MonkeyPatch) -> dict[str, Service]:
    """Every service as the environment names it."""
    for service in services.values():
        for name, value in service.env.items():
            monkeypatch.setenv(name, value)
    return services


class MemoryKeyring(KeyringBackend):
    """A keyring that remembers, for one test."""

    priority = 0  # type: ignore[assignment]  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    """A keyring that works, in the place of the null one."""
    before = keyring.get_keyring()
    made = MemoryKeyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)
