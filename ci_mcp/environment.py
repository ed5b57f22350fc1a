"""The process's environment, cleaned of what an agent could not fill in.

Run before anything else is imported: ``SSL_CERT_FILE='$SSL_CERT_FILE'`` breaks TLS at import.
"""

from collections.abc import MutableMapping


def drop_placeholders(environ: MutableMapping[str, str]) -> None:
    """Remove every variable that is empty or holds nothing but the name of a variable.

    An agent that is told to hand on a variable which is not set may hand on the text ``$X``, ``${X}``
    or ``${env:X}``, or nothing. Left there it would hide the keyring.
    """
    for name in [name for name, value in environ.items() if _placeholder(value.strip())]:
        del environ[name]


def _placeholder(value: str) -> bool:
    if not value.startswith("$"):
        return not value
    inner = value[1:]
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].removeprefix("env:")
    return inner.isascii() and inner.isidentifier()
