# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the vocabulary that tokens are counted with, from the file that tiktoken fetches.

python tools/make_vocabulary.py cl100k_base.tiktoken

The input is refused unless it is, byte for byte, what tiktoken expects. The output has one byte a token, its length,
and then the tokens, in the order of their ranks: half the size, and read in half the time.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path
from typing import Final

_SHA256: Final = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_OUTPUT: Final = Path(__file__).parents[1] / "conexus" / "tokens" / "cl100k_base.bin"


def main() -> None:
    """Convert the file that the command line names."""
    data = Path(sys.argv[1]).read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256:
        sys.exit(f"{sys.argv[1]} is not the cl100k_base.tiktoken that tiktoken expects")
    tokens = [base64.b64decode(line.split()[0]) for line in data.splitlines()]
    if [int(line.split()[1]) for line in data.splitlines()] != list(range(len(tokens))):
        sys.exit("the ranks have gaps")
    _OUTPUT.write_bytes(bytes(map(len, tokens)) + b"".join(tokens))


if __name__ == "__main__":
    main()
