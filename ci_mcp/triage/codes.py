"""What exit codes mean, where that is settled: shells, signals, ``timeout``, Python's negative ones, Windows'."""

from collections.abc import Mapping
from typing import Final

_SHELL: Final[Mapping[int, str]] = {
    124: "timed out",
    126: "not executable",
    127: "command not found",
}
_SIGNALS: Final[Mapping[int, str]] = {
    1: "hung up",
    2: "interrupted",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "arithmetic error",
    9: "killed, often out of memory",
    11: "segmentation fault",
    13: "broken pipe",
    15: "terminated",
    24: "used up its processor time",
    25: "file too large",
}
# Windows ends a process with an NTSTATUS, which services give as a signed or an unsigned number.
_WINDOWS: Final[Mapping[int, str]] = {
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC000013A: "interrupted",
    0xC0000142: "a DLL could not be started",
    0xC0000409: "aborted",
}
_LOST: Final = -1
_BY_SIGNAL: Final = 128
_SIGNED: Final = 1 << 32


def meaning(code: int) -> str:
    """What an exit code means in words; empty where it is the program's own matter."""
    if code == _LOST:
        return "no code of its own: often its machine was lost"
    if code in _SHELL:
        return _SHELL[code]
    by_signal = code - _BY_SIGNAL if code > _BY_SIGNAL else -code
    return _SIGNALS.get(by_signal, "") or _WINDOWS.get(code % _SIGNED, "")
