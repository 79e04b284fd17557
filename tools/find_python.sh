#!/bin/sh
# SPDX-License-Identifier: FSL-1.1-MIT
# Prints the first Python that Conexus runs on. PYTHON, if set, is the only one tried.
for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    # A name on the PATH may be a shim that cannot run, hence the try.
    if "$name" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
echo "no Python 3.11, 3.12 or 3.13 found${PYTHON:+ at $PYTHON}; name one: make PYTHON=/path/to/python3.12 …" >&2
exit 1
