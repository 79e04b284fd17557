"""``python -m conexus``, and the ``conexus`` program."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from conexus.cli.app import run  # noqa: PLC0415 -- the import is the program's start-up

    run()


if __name__ == "__main__":
    main()
