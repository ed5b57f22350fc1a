"""Tokens: where they come from, and what must never be shown."""
