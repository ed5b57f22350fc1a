"""One local MCP server and one command line for every CI."""

__version__ = "0.1.0"
