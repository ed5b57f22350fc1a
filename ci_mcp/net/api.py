"""The Api of one service at one host: every call of the product to a CI goes through here.

What holds for each call: the credential goes to the service's own origin only, redirects are followed by hand,
bodies are bounded, waits end before the caller's deadline, and whatever fails is one of our errors.
"""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, aclosing
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Self
from urllib.parse import urljoin

import anyio
import httpx

from ci_mcp import __version__
from ci_mcp.auth.credentials import Credential, header
from ci_mcp.auth.endpoints import Endpoint, loopback
from ci_mcp.auth.redact import redact
from ci_mcp.errors import BadAnswerError, CiError, NotFoundError, TimedOutError, UnreachableError, UsageError
from ci_mcp.logs.store import Store
from ci_mcp.net import body, retry, tls
from ci_mcp.net.failures import Asked, broken, plain, refusal
from ci_mcp.net.paths import check
