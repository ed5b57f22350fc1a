"""Repository URLs in one form, so that an ssh remote and an https address can be told to be the same."""

import re
from typing import Final
from urllib.parse import urlsplit

_SCP: Final = re.compile(r"(?:[^@/\s]+@)?([\w.-]+):(?!//)(.+)", re.ASCII)


def normal(url: str) -> str:
    """``host/owner/name`` in lower case; empty where the text is no repository URL.

    Understood: ``git@host:owner/name.git``, ``ssh://git@host:22/owner/name``, ``https://user@host/owner/name/``.
    """
    text = url.strip()
    if "://" in text:
        try:
            split = urlsplit(text)
        except ValueError:
            return ""
        host, path = split.hostname or "", split.path
    else:
        scp = _SCP.fullmatch(text)
        if scp is None:
            return ""
        host, path = scp[1], scp[2]
    path = path.strip("/").removesuffix(".git").strip("/")
    return f"{host}/{path}".lower() if host and path else ""


def name(url: str) -> str:
    """The repository's own name, in lower case; empty where the text is no repository URL."""
    return normal(url).rpartition("/")[2]
