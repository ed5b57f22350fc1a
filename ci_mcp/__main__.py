"""The program: what ``ci-mcp`` and ``python -m ci_mcp`` start."""

import os
import sys


def main() -> None:
    """Run the command line with this process's arguments and exit with its code."""
    from ci_mcp.environment import drop_placeholders  # noqa: PLC0415 - the environment is mended before all else is imported

    drop_placeholders(os.environ)
    from ci_mcp.cli.app import run  # noqa: PLC0415 - see above

    sys.exit(run())


if __name__ == "__main__":
    main()
