import ssl
from pathlib import Path

import certifi
import pytest
import truststore

from ci_mcp.errors import UnreachableError
from ci_mcp.net.tls import context


def test_the_systems_store_is_believed() -> None:
    """So that a company's own certificates are, too; made once."""
    made = context({})
    assert isinstance(made, truststore.SSLContext)
    assert made is context({})


def test_a_file_of_certificates_stands_in_for_it() -> None:
    """As in OpenSSL; the host's name is still checked."""
    made = context({"SSL_CERT_FILE": certifi.where()})
    assert type(made) is ssl.SSLContext
    assert made.check_hostname
    assert made.cert_store_stats()["x509_ca"] > 50


def test_a_folder_of_certificates_stands_in_for_it(tmp_path: Path) -> None:
    """Read when it is needed."""
    assert type(context({"SSL_CERT_DIR": str(tmp_path)})) is ssl.SSLContext


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named(tmp_path: Path, name: str) -> None:
    """Which variable, and that it wants correcting."""
    with pytest.raises(UnreachableError, match=name):
        context({name: str(tmp_path / "missing")})


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    """It would make every connection fail."""
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(UnreachableError, match="SSL_CERT_FILE"):
        context({"SSL_CERT_FILE": str(tmp_path / "empty.pem")})
