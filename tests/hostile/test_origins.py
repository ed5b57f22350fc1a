"""Other origins get no credential, and TLS that fails is an error that names the trouble."""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ci_mcp.auth.credentials import Credential, header
from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.errors import CiError, UnreachableError
from ci_mcp.sandbox.serve import Service, service_names

pytestmark = pytest.mark.anyio

PROVIDERS = [name for name in service_names() if name in load().services]
AT_ONCE = 8


@dataclass(slots=True)
class Stranger:
    """A server that is none of ours: it answers everything, and keeps what it was sent."""

    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            if first == b"\x16":  # the beginning of TLS
                writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                writer.close()
                return
            self.heads.append((first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"
            )
            await writer.drain()
        writer.close()


@asynccontextmanager
async def stranger(context: ssl.SSLContext | None = None) -> AsyncIterator[Stranger]:
    """One on loopback."""
    made = Stranger()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


def redirected(port: int) -> Any:
    """Every answer leads to the stranger, in every way there is."""
    turn = 0

    async def spoil(answered: Any, writer: Any) -> None:
        nonlocal turn
        turn += 1
        answered.status = (301, 302, 303, 307, 308)[turn % 5]
        path = answered.request.split()[1]
        hosts = (
            "http://127.0.0.1:{0}{1}",
            "//127.0.0.1:{0}{1}",
            "http://localhost:{0}{1}",
            "http://x:y@127.0.0.1:{0}{1}",
        )
        answered.headers = [("location", hosts[turn % 4].format(port, path))]
        answered.body = b""
        writer.write(answered.head())

    return spoil


def linked(port: int) -> Any:
    """Every address in an answer leads to the stranger."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(item) for key, item in value.items()}
        if isinstance(value, list):
            return [change(item) for item in value]
        web = isinstance(value, str) and value.startswith(("http://", "https://"))
        return f"http://127.0.0.1:{port}/x" if web else value

    async def spoil(answered: Any, writer: Any) -> None:
        with suppress(ValueError):
            answered.body = json.dumps(change(json.loads(answered.body))).encode()
        answered.headers = [
            (name, f'<http://127.0.0.1:{port}/x>; rel="next"' if name.lower() == "link" else value)
            for name, value in answered.headers
        ]
        if 300 <= answered.status < 400:
            answered.headers = [("location", f"http://127.0.0.1:{port}/x")]
        writer.write(answered.head() + answered.body)

    return spoil


WAYS = {"redirects": redirected, "links": linked}


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("way", WAYS)
async def test_another_origin_gets_no_credential(  # noqa: PLR0913, PLR0917 - fixtures
    way: str, name: str, sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any
) -> None:
    """Whichever tool was led there: no Authorization, no token in any header or address."""
    slots = asyncio.Semaphore(AT_ONCE)
    # An open service is given what it does not ask for: a user and a password.
    service = replace(sandbox[name], token=sandbox[name].token or "ada:demo-password")
    async with (
        stranger() as other,
        proxied(service, WAYS[way](other.port)) as (spoilt, proxy),
        services_of(spoilt) as services,
    ):

        async def one(tool: str) -> None:
            ours = {"target": f"{name}:shop"} | ({"timeout": 0} if tool == "ci_wait" else {})
            async with slots:
                with suppress(CiError):
                    await call(services, tool, ours if tool.startswith("ci_") else calls[tool], deadline=5.0)

        tools = [spec.name for spec in [*load().of(name), *load().of(TRIAGE)] if spec.name != "ci_echo"]
        await asyncio.gather(*map(one, tools))
        assert [head for head in proxy.heads if "authorization:" in head.lower()], "no credential was there to be lost"
        token = service.token
        proof = header(Credential(token, "", "Basic" if ":" in token else "Bearer")).partition(" ")[2]
        for head in other.heads:
            assert "authorization" not in head.lower()
            assert not [form for form in (token, proof, quote(token)) if form in head]


async def test_a_stranger_is_asked_where_a_file_is_kept_elsewhere(
    sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any
) -> None:
    """The search above has something to search: an artifact's storage is asked, without a credential."""
    async with (
        stranger() as other,
        proxied(sandbox["semaphore"], linked(other.port)) as (spoilt, _),
        services_of(spoilt) as services,
    ):
        await call(services, "semaphore_artifacts_describe", calls["semaphore_artifacts_describe"])
        assert ["GET /x HTTP/1.1"] == [head.partition("\r\n")[0] for head in other.heads]


# TLS


def certificate(folder: Path, *, days: int = 1, host: str = "127.0.0.1", name: str = "localhost") -> Path:
    """A key and a certificate that signed itself, in one file."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    kind = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    file = folder / f"{host}-{days}.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def tls(file: Path) -> ssl.SSLContext:
    """What a server with this certificate says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def asked(services: Any) -> str:
    """What a call says: its answer, or its error."""
    try:
        return str((await call(services, "semaphore_projects_list", {}, deadline=10.0)).text)
    except UnreachableError as error:
        return str(error)


@pytest.mark.parametrize(
    ("host", "days", "trusted", "said"),
    [
        ("127.0.0.1", 1, True, '"items":[]'),
        ("127.0.0.1", 1, False, "is not trusted (self"),
        ("127.0.0.1", -1, True, "has expired"),
        ("127.0.0.2", 1, True, "is not trusted (IP address mismatch"),
    ],
    ids=["good", "self-signed", "expired", "another host's"],
)
async def test_a_certificate_that_does_not_hold_is_named(  # noqa: PLR0913, PLR0917 - the columns of the table
    host: str,
    days: int,
    trusted: bool,
    said: str,
    sandbox: dict[str, Service],
    services_of: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong with it, and what to do; nothing was sent."""
    file = certificate(tmp_path, days=days, host=host)
    other = certificate(tmp_path, days=2, name="another authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(file if trusted else other))
    async with stranger(tls(file)) as server:
        async with services_of(sandbox["semaphore"], base_url=f"https://127.0.0.1:{server.port}") as services:
            assert said in await asked(services)
        assert (1 if said == '"items":[]' else 0) == len(server.heads)


async def test_plain_http_behind_https_is_named(sandbox: dict[str, Service], services_of: Any) -> None:
    """A port that speaks something else."""
    async with stranger() as server:
        async with services_of(sandbox["semaphore"], base_url=f"https://127.0.0.1:{server.port}") as services:
            assert "does it speak https at that port" in await asked(services)
        assert [] == server.heads


async def test_https_behind_plain_http_is_named(sandbox: dict[str, Service], services_of: Any, tmp_path: Path) -> None:
    """The other way round."""
    async with stranger(tls(certificate(tmp_path))) as server:
        async with services_of(sandbox["semaphore"], base_url=f"http://127.0.0.1:{server.port}") as services:
            assert "cut the connection" in await asked(services)
        assert [] == server.heads
