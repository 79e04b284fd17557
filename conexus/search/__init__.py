"""Answers queries from an index."""
