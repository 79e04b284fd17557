"""Text to chunks, symbols and skip verdicts. Pure."""
