"""The log engine: from bytes to the lines that explain a failure."""
