"""Which certificates are believed: the system's, so that a company's own are too."""

import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import truststore

from ci_mcp.errors import UnreachableError


def context(env: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS settings of every call; one context for each setting of the environment.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` stand in for the system's store, as they do in OpenSSL.

    Raises:
        UnreachableError: one of them names something that is not there or holds no certificate.
    """
    return _context(env.get("SSL_CERT_FILE", ""), env.get("SSL_CERT_DIR", ""))


@cache
def _context(file: str, folder: str) -> ssl.SSLContext:
    if not file and not folder:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if folder and not file and not Path(folder).is_dir():
        raise UnreachableError("SSL_CERT_DIR names no folder", "correct or unset it")
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except OSError as error:  # ssl.SSLError is one
        raise UnreachableError("the certificates in SSL_CERT_FILE cannot be read", "correct or unset it") from error
