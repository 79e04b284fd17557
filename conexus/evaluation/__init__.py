# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how well searches answer: questions with known answers, metrics, and the runs that put them together."""
