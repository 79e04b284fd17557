"""Letters to customers."""

from __future__ import annotations

from email.message import EmailMessage

from kiosk.checkout import Order


def confirmation(order: Order, to: str) -> EmailMessage:
    """Write the message that says an order was received."""
    message = EmailMessage()
    message["To"] = to
    message["Subject"] = f"Your order {order.number[:8]}"
    message.set_content(f"Thank you. We received {amount(order.total_cents)}.")
    return message


def amount(cents: int) -> str:
    """Format money for people, as 12.50 EUR."""
    return f"{cents // 100}.{cents % 100:02d} EUR"
