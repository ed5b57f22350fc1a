"""Calls to the services: the only room that imports httpx."""
