"""Brings an index in line with a tree."""
