import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.auth import redact as module
from ci_mcp.auth.redact import redact, redact_environment, register

# Made up, and put together here: no scanner should take them for real.
HEX = "0123456789abcdef" * 4
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 4
JWT = f"ey{'JhbGciOiJIUzI1NiJ9'}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{MIXED[:43]}"


@pytest.fixture(autouse=True)
def _own_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens that one test makes known are forgotten by the next."""
    monkeypatch.setattr(module, "_known", set())


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("CircleCI token", f"ccipat_{MIXED[:40]}"),
        ("CircleCI token", f"CCIPRJ_{MIXED[:22]}_{HEX[:40]}"),
        ("Buildkite token", f"bkua_{HEX[:40]}"),
        ("GitHub token", f"ghp_{MIXED[:36]}"),
        ("GitHub token", f"github_pat_{MIXED[:22]}_{MIXED[:59]}"),
        ("GitLab token", f"glpat-{MIXED[:20]}"),
        ("Atlassian token", f"ATBB{MIXED[:32]}"),
        ("npm token", f"npm_{MIXED[:36]}"),
        ("PyPI token", f"pypi-AgE{MIXED[:60]}"),
        ("RubyGems token", f"rubygems_{HEX[:48]}"),
        ("Docker token", f"dckr_pat_{MIXED[:27]}"),
        ("Hugging Face token", f"hf_{'abCd' * 8}ef"),
        ("AWS key", "AKIA" + "ABCDEFGHIJKLMNO2"),
        ("Google key", f"AIza{MIXED[:35]}"),
        ("Google key", f"ya29.{MIXED[:60]}"),
        ("DigitalOcean token", f"dop_v1_{HEX}"),
        ("Slack token", f"xoxb-{HEX[:12]}-{MIXED[:24]}"),
        ("Stripe key", f"sk_live_{MIXED[:24]}"),
        ("API key", f"sk-proj-{MIXED[:40]}"),
        ("API key", f"sk-{MIXED[:48]}"),
        ("SendGrid key", f"SG.{MIXED[:22]}.{MIXED[:43]}"),
        ("Vault token", f"hvs.{MIXED[:24]}"),
        ("Terraform token", f"{MIXED[:14]}.atlasv1.{MIXED[:64]}"),
        ("Sentry token", f"sntrys_{MIXED[:60]}"),
        ("Grafana token", f"glsa_{MIXED[:32]}_{HEX[:8]}"),
        ("Tailscale key", f"tskey-auth-{MIXED[:20]}"),
        ("Databricks token", f"dapi{HEX[:32]}"),
        ("Doppler token", f"dp.pt.{MIXED[:43]}"),
        ("Pulumi token", f"pul-{HEX[:40]}"),
        ("Shopify token", f"shpat_{HEX[:32]}"),
        ("age key", f"AGE-SECRET-KEY-1{'A1B2' * 14}C3"),
        ("JWT", JWT),
    ],
)
@pytest.mark.parametrize("text", ["{}", "token is {}.\nnext", 'x="{}"', "é {} é"])
def test_the_shape_of_a_token_is_enough(kind: str, secret: str, text: str) -> None:
    """Wherever it stands, and only it."""
    shown = redact(text.format(secret))
    assert secret not in shown
    assert re.sub(r"\[redacted: [\w ]+\]", "{}", shown) in {text, text.replace(".", "")}
    assert f"[redacted: {kind}]" in shown or "[redacted: secret]" in shown


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"Authorization: Bearer {MIXED[:30]}", "Authorization: Bearer [redacted: authorization]"),
        (f"> authorization: Basic {MIXED[:30]}==", "> authorization: Basic [redacted: authorization]"),
        (f"'AUTHORIZATION': 'Token {HEX[:40]}'", "'AUTHORIZATION': 'Token [redacted: authorization]'"),
        (f"Circle-Token: {HEX[:40]}", "Circle-Token: [redacted: authorization]"),
        (f"using bearer {MIXED[:30]}", "using bearer [redacted: authorization]"),
        (f"Set-Cookie: session={HEX[:32]}; Path=/", "Set-Cookie: [redacted: cookie]"),
        ("git clone https://me:hunter2@host/x", "git clone https://me:[redacted: password]@host/x"),
        ("postgres://app:s3cr3t@db:5432/x", "postgres://app:[redacted: password]@db:5432/x"),
        (f"https://{HEX[:40]}@github.com/a/b", "https://[redacted: token]@github.com/a/b"),
        (
            f"https://s3/x?X-Amz-Credential=AK/1&X-Amz-Signature={HEX}&a=1",
            "https://s3/x?X-Amz-Credential=AK/1&X-Amz-Signature=[redacted: signature]&a=1",
        ),
        (f"https://b/x?se=1&sig={MIXED[:40]}%3D", "https://b/x?se=1&sig=[redacted: signature]"),
        ("https://b/x?jwt=abcdefgh1", "https://b/x?jwt=[redacted: signature]"),
        (r"https://b/x?a=1\u0026token=abcdefgh1\n", r"https://b/x?a=1\u0026token=[redacted: signature]\n"),
        (f"AWS_SECRET_ACCESS_KEY={MIXED[:40]}", "AWS_SECRET_ACCESS_KEY=[redacted: AWS secret]"),
        (f"aws_secret_access_key = {MIXED[:40]}", "aws_secret_access_key = [redacted: AWS secret]"),
        (f"AccountKey={MIXED[:86]}==;Endpoint", "AccountKey=[redacted: Azure key];Endpoint"),
        (
            "https://hooks.slack.com/services/T0/B0/abcdefghijklmnop",
            "https://hooks.slack.com/services/[redacted: webhook]",
        ),
        ("export DEPLOY_TOKEN=abc12345", "export DEPLOY_TOKEN=[redacted: secret]"),
        ("DB_PASSWORD='p4ssw0rd!'", "DB_PASSWORD='[redacted: secret]'"),
        ('{"client_secret": "abc123def456"}', '{"client_secret": "[redacted: secret]"}'),
        ("env:\n  - API_TOKEN: abc123def456\n", "env:\n  - API_TOKEN: [redacted: setting]\n"),
        (" 12|   db_password: hunter2hunter2", " 12|   db_password: [redacted: setting]"),
        (r"{\"api_key\": \"abc123def456\"}", r"{\"api_key\": \"[redacted: secret]\"}"),
    ],
)
def test_a_telling_name_before_a_value_is_enough(before: str, after: str) -> None:
    """The name stays, the value goes, and a second time changes nothing."""
    assert after == redact(before)
    assert after == redact(after)


@pytest.mark.parametrize(
    "text",
    [
        "commit 9f663eb2c0a1d4e5f60718293a4b5c6d7e8f9012",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "unexpected token = ';' at line 3",
        "password: required",
        "  password: GITHUB_TOKEN",
        "  password: correcthorsebattery",
        "Unexpected token: cart_2_total_1",
        "next_page_token: abc123def456",
        "Authorization: [redacted: authorization]",
        "Authorization: none",
        "GITHUB_TOKEN=***",
        "export API_TOKEN=[secure]",
        "TOKEN=$CI_JOB_TOKEN",
        "https://user:***@host/x",
        "https://user:${PASSWORD}@host/x",
        "Bearer authentication is required for this resource",
        "git@github.com:acme/web.git",
        "https://registry.npmjs.org/@scope/name",
        "at /src/token.py:12",
        "vector<int> x; <version>1.2</version> ┌─┐",
        "tests/test_secret_password_token.py::test_password_is_hashed PASSED",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 me@host",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "PASSWORD=aaaaaaaaaaaa",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Hashes, ids, placeholders, words."""
    assert text == redact(text)


BODY = "MIIEowIBAAKCAQEA0123456789\nabcdefghijklmnopqrstuvwxyz=="
LOG = "a log line\n" * 2000
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"a\n{KEY}\nb", "a\n[redacted: private key]\nb"),
        (KEY.replace("\n", "\\n"), "[redacted: private key]"),
        (KEY + "\n" + KEY, "[redacted: private key]\n[redacted: private key]"),
        (KEY.partition("-----END")[0] + "and then\nb", "[redacted: private key]\nand then\nb"),
        (KEY.partition("\n-----END")[0], "[redacted: private key]"),
        ("-----BEGIN PRIVATE KEY-----\nthat was all", "[redacted: private key]\nthat was all"),
        ("-----END PRIVATE KEY-----", "-----END PRIVATE KEY-----"),
        (f"a\n{KEY.partition(chr(10))[2]}\nb", "a\n[redacted: private key]\nb"),
        (KEY.partition("\n")[2], "[redacted: private key]"),
        (
            f"-----BEGIN PRIVATE KEY-----\n{LOG}-----END PRIVATE KEY-----",
            f"[redacted: private key]\n{LOG}-----END PRIVATE KEY-----",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "[redacted: private key]"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----", "[redacted: private key]"),
    ],
)
def test_a_private_key_goes_whole(before: str, after: str) -> None:
    """Over its lines, on one line, and with its end cut off."""
    assert after == redact(before)


def test_a_known_token_goes_whatever_its_shape() -> None:
    """As it is, in a URL, and in a Basic header."""
    register(" my/own+token ")
    assert "a [redacted: token] b" == redact("a my/own+token b")
    assert "?x=[redacted: token]" == redact("?x=my%2Fown%2Btoken")
    assert "[redacted: token]" == redact("bXkvb3duK3Rva2Vu")


def test_of_two_known_tokens_the_longer_goes_first() -> None:
    """The rest of it would be left otherwise."""
    register("abcdef-ghijkl")
    register("abcdef")
    assert "[redacted: token]" == redact("abcdef-ghijkl")


def test_a_very_short_token_is_not_looked_for() -> None:
    """It would be found in words."""
    register("demo")
    assert "a demonstration" == redact("a demonstration")


def test_an_environment_keeps_its_names() -> None:
    """Every value goes, whatever it looks like; an empty one is shown as empty."""
    shown = [("PATH", "[redacted]"), ("EMPTY", "")]
    assert shown == redact_environment({"PATH": "/bin", "EMPTY": ""})
    assert shown == redact_environment([("PATH", "/bin"), ("EMPTY", "")])


def test_text_that_is_no_unicode_is_read() -> None:
    """JSON can hold half a character."""
    assert "? ghp [redacted: GitHub token]" == redact(f"\ud800 ghp ghp_{MIXED[:36]}")


def test_a_text_full_of_beginnings_is_read_once() -> None:
    """It would take minutes if every key looked for its end."""
    text = "-----BEGIN PRIVATE KEY-----\n" * 20_000
    assert 20_000 == redact(text).count("[redacted: private key]")


@given(st.text(max_size=200))
def test_twice_is_the_same_as_once(text: str) -> None:
    """Nothing in a redacted text looks like a secret."""
    once = redact(f"TOKEN={text} ?sig={text} Bearer {text}")
    assert once == redact(once)
