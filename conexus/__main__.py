# SPDX-License-Identifier: FSL-1.1-MIT
"""``python -m conexus``, and the ``conexus`` program.

Neither here nor in the package's own file is anything imported on top that Python has not loaded itself, ``__future__``
included: Ctrl-C may come meanwhile.
"""

import os
import sys


def main() -> None:
    """Run the command line."""
    try:
        from conexus.cli import interrupts  # noqa: PLC0415 -- Ctrl-C may come at any time, and must not show a traceback
    except KeyboardInterrupt:
        os._exit(130)
    interrupts.end_at_once()
    _prepare()
    try:
        from conexus.cli.app import run  # noqa: PLC0415 -- the import is the program's start-up

        run()
    except KeyboardInterrupt:  # again, while the first one was told
        sys.exit(interrupts.EXIT_INTERRUPTED)
    finally:
        interrupts.end_at_once()


def _prepare() -> None:
    import gc  # noqa: PLC0415 -- as above

    from conexus.adapters.core_dumps import forbid_core_dumps  # noqa: PLC0415 -- as above

    gc.set_threshold(50_000)  # a command makes many small values, none of them in cycles, and is soon over
    # Threads of the linear algebra library spin while they wait, which costs processor time at each start, and nothing
    # here multiplies matrices that are large enough for two.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 -- no setting of ours
    os.umask(0o077)  # what is indexed is nobody else's to read
    forbid_core_dumps()


if __name__ == "__main__":
    main()
