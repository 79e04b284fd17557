# SPDX-License-Identifier: FSL-1.1-MIT
"""What Ctrl-C does at the start and at the end of the program, where Python would show a traceback.

A shell starts what runs in its background with Ctrl-C ignored, and so it stays.
"""

from __future__ import annotations

import os
import signal

EXIT_INTERRUPTED = 130


def end_at_once() -> None:
    """Have Ctrl-C end the process without a word: nothing is begun yet, or all is done."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(EXIT_INTERRUPTED))
    except KeyboardInterrupt:  # just before
        os._exit(EXIT_INTERRUPTED)


def end_in_order() -> None:
    """Have Ctrl-C raise ``KeyboardInterrupt`` again, as it does by default."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)
