"""Orders are kept in a database reached over TCP."""

import os
import socket


class OrderStore:
    """A connection to the order database."""

    def __init__(self) -> None:
        """Connect, or raise what the socket raises."""
        host = os.environ.get("ORDERS_DB_HOST", "127.0.0.1")
        port = int(os.environ.get("ORDERS_DB_PORT", "15432"))
        self.connection = socket.create_connection((host, port), timeout=2)

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()
