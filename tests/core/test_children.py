"""Programs that we start get no token of a CI."""

from ci_mcp.core.catalog import load
from ci_mcp.core.children import environment


def test_no_service_s_token_is_handed_on() -> None:
    """Whatever variable it is in; what is no secret stays, and so does everybody else's."""
    services = load().services.values()
    tokens = {name for one in services for name in (*one.token_env, *one.password_env, *one.mcp_token_env)}
    hosts = {name for one in services for name in (*one.host_env, *one.mcp_env)}
    assert {"SEMAPHORE_API_TOKEN", "POCKETCI_MCP_TOKEN"} <= tokens
    kept = {"PATH": "/bin", "GITHUB_TOKEN": "git's own"} | dict.fromkeys(hosts, "https://ci.example.com")
    assert kept == environment(kept | dict.fromkeys(tokens, "secret"))
    assert {} == environment(dict.fromkeys(hosts, "https://me:secret@ci.example.com"))


def test_it_is_this_process_s_environment_by_default() -> None:
    """As a child would have it."""
    assert "PATH" in environment()
