"""What is known of a service before any of its code runs: where it is, and where its token may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The declaration of one CI, as data: read at start-up from ``tools.json``.

    Attributes:
        name: the provider's name, as in commands and tool names.
        title: how people write it.
        token_env: environment variables that may hold the token, first wins.
        user_env: environment variables that may hold a user's name, and ``password_env`` its password: together they
            are sent as Basic where there is no token.
        basic: true where a token that holds a colon is ``user:password``, to be sent as Basic.
        host_env: environment variables that may hold the host or base URL, first wins.
        default_host: the vendor's own host; empty where every organization or server has its own.
        web_hosts: patterns (``fnmatch``) of the hosts in web URLs that people paste.
        web_prefix: what the host in web URLs has before the API's: ``app.`` of ``app.circleci.com``.
        web_host: the one host of web URLs where it is not the API's, wherever a base URL moves the API to.
        credential_hosts: patterns of further hosts, https only, that take this service's token: where it keeps files.
        hosts_setting: the key of this provider's section in the settings file that names hosts.
        token_page: where a token is made; ``{host}`` stands for the host.
        page_note: which kind of token to make there, and what it may have to be allowed.
        cli_file: the vendor's own command line keeps its tokens here; empty where it has none.
        cli_env: environment variables that may hold another path of that file.
        mcp_env: environment variables that may hold the URL of the vendor's hosted MCP server, where that is beside its
            API and takes the same token.
        mcp_url: that server for the hosts of ``web_hosts``.
        mcp_token_env: environment variables that may hold a token of its own for an MCP server at the service's root.
        open: true where a server may be used without a token.
        mcp_only: true where the vendor offers a hosted MCP server alone, and no API beside it.
        ci_files: files and folders of a repository that say that this service builds it.
        settings_env: environment variables for settings of the provider's own, each as ``key=VARIABLE``; they go
            before the settings file.
        at_once: most requests at once, where the service wants fewer than others; 0 where it does not say.
    """

    name: str
    title: str
    token_env: tuple[str, ...] = ()
    user_env: tuple[str, ...] = ()
    password_env: tuple[str, ...] = ()
    basic: bool = False
    host_env: tuple[str, ...] = ()
    default_host: str = ""
    web_hosts: tuple[str, ...] = ()
    web_prefix: str = ""
    web_host: str = ""
    credential_hosts: tuple[str, ...] = ()
    hosts_setting: str = ""
    token_page: str = ""
    page_note: str = ""
    cli_file: str = ""
    cli_env: tuple[str, ...] = ()
    mcp_env: tuple[str, ...] = ()
    mcp_url: str = ""
    mcp_token_env: tuple[str, ...] = ()
    open: bool = False
    mcp_only: bool = False
    ci_files: tuple[str, ...] = ()
    settings_env: tuple[str, ...] = ()
    at_once: int = 0

    @property
    def login_env(self) -> tuple[str, ...]:
        """The variables to set for a login: the token's, else the user's and the password's."""
        return self.token_env[:1] or (*self.user_env[:1], *self.password_env[:1])

    def serves(self, host: str, web: str) -> bool:
        """Whether a web URL's host is that of the service at ``host``; ports and case do not count."""
        bare = host.lower().partition(":")[0]
        return web in {bare, f"{self.web_prefix}{bare}", self.web_host or bare}

    def behind(self, web: str) -> str:
        """The host to configure for a web URL's."""
        return self.default_host if web == self.web_host else web.removeprefix(self.web_prefix)
