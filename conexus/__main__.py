# SPDX-License-Identifier: FSL-1.1-MIT
"""``python -m conexus``, and the ``conexus`` program."""

from __future__ import annotations

import gc
import os
import sys

from conexus.adapters.core_dumps import forbid_core_dumps


def main() -> None:
    """Run the command line."""
    gc.set_threshold(50_000)  # a command makes many small values, none of them in cycles, and is soon over
    # Threads of the linear algebra library spin while they wait, which costs processor time at each start, and nothing
    # here multiplies matrices that are large enough for two.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 -- no setting of ours
    os.umask(0o077)  # what is indexed is nobody else's to read
    forbid_core_dumps()
    try:
        from conexus.cli.app import run  # noqa: PLC0415 -- the import is the program's start-up
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
