"""Measures how well searches answer: questions with known answers, metrics, and the runs that put them together."""
