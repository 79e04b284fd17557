"""Keeps orders in SQLite."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from kiosk.checkout import Order

_MIGRATIONS = (
    "CREATE TABLE orders (number TEXT PRIMARY KEY, lines TEXT NOT NULL, total_cents INTEGER NOT NULL)",
    "ALTER TABLE orders ADD COLUMN shipped_at TEXT",
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database and bring its schema up to date."""
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, statement in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.commit()
    return connection


def save(connection: sqlite3.Connection, order: Order) -> None:
    """Insert an order."""
    row = (order.number, json.dumps(order.lines), order.total_cents)
    connection.execute("INSERT INTO orders (number, lines, total_cents) VALUES (?, ?, ?)", row)
    connection.commit()


def unshipped(connection: sqlite3.Connection) -> list[str]:
    """Return the numbers of orders that wait for the parcel service."""
    return [number for (number,) in connection.execute("SELECT number FROM orders WHERE shipped_at IS NULL")]
