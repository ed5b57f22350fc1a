"""The program: what ``ci-mcp`` and ``python -m ci_mcp`` start."""

import os
import sys


def main() -> None:
    """Run the command line with this process's arguments and exit with its code."""
    _open_streams()
    from ci_mcp.environment import drop_placeholders  # noqa: PLC0415 - the environment is mended before all else is imported

    drop_placeholders(os.environ)
    from ci_mcp.cli.app import run  # noqa: PLC0415 - see above

    code = run()
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = None  # Python would try again at the end, and complain
    sys.exit(code)


def _open_streams() -> None:
    """Give the process the streams that it was started without, as by ``>&-``: they hold nothing and keep nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end


if __name__ == "__main__":
    main()
