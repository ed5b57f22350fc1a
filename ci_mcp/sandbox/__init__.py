"""The CI services on loopback, for the demo and the end-to-end tests."""
