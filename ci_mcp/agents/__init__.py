"""What ``setup`` writes: one module for each coding agent, found by its presence."""
