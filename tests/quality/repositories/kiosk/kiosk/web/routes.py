"""Which function answers which address."""

from __future__ import annotations

import re
from collections.abc import Callable

Handler = Callable[[dict[str, str]], tuple[int, str]]


class Router:
    """Finds the handler of a request."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def route(self, method: str, pattern: str) -> Callable[[Handler], Handler]:
        """Register a handler for addresses such as ``/products/<sku>``."""
        expression = re.compile("^" + re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", pattern) + "$")

        def register(handler: Handler) -> Handler:
            self._routes.append((method, expression, handler))
            return handler

        return register

    def dispatch(self, method: str, path: str) -> tuple[int, str]:
        """Call the handler that fits; 404 without one, 405 where only the method is wrong."""
        allowed = False
        for wanted, expression, handler in self._routes:
            if (match := expression.match(path)) is not None:
                if wanted == method:
                    return handler(match.groupdict())
                allowed = True
        return (405, "method not allowed") if allowed else (404, "not found")
