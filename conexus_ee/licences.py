# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Finds, installs and removes the licence of an installation."""

from __future__ import annotations

import codecs
import os
import stat
from contextlib import suppress
from pathlib import Path

from conexus.edition import LICENCE_FILE, EditionContext, installed_licence
from conexus.errors import EditionError
from conexus.types import LicenceFacts, LicenceState
from conexus.values import dataclass
from conexus_ee.keys import key_id, known_keys, published_key
from conexus_ee.licence import Licence, read_licence
from conexus_ee.tokens import MAX_CHARS, refusal

_REMOVE = "conexus license remove"
_TEST_HINT = "it is signed with the published test key: set CONEXUS_LICENSE_MODE=test to try it, never to serve"


@dataclass(frozen=True, slots=True)
class Found:
    """A licence and where it was."""

    token: str
    source: str


class LicenceDesk:
    """Implements ``conexus.edition.Licences``.

    Args:
        context: Of the edition.
    """

    def __init__(self, context: EditionContext) -> None:
        self._context = context
        self._test = context.config.license.mode == "test"

    def installed(self) -> LicenceFacts | None:
        """Return the licence that is found, verified.

        Raises:
            EditionError: It is not one; the message says what is wrong and where it is.
        """
        found = self.found()
        return None if found is None else self.read(found).facts(self.now(), found.source)

    def verify(self, token: str) -> LicenceFacts:
        """Return what a licence says; changes nothing."""
        return self.read(Found(token, "")).facts(self.now())

    def install(self, token: str) -> LicenceFacts:
        """Verify a licence and keep it in the data folder, for its owner alone.

        Raises:
            EditionError: It is not valid or over, or there is no place to keep it.
        """
        licence = read_licence(token, self._keys(token), self._context.now(), test=self._test)
        if licence.facts(self._context.now()).state is LicenceState.EXPIRED:
            why = "its days of grace are over, and it was not installed"
            raise refusal("expired", why, hint="ask who sold it to you for a new one")
        path = self._place()
        if path is None:
            raise EditionError("nothing is kept on disk here", hint="set CONEXUS_LICENSE_KEY instead")
        beside = path.with_name(f"{path.name}.new-{os.getpid()}")
        try:
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="ascii") as stream:  # noqa: PTH123 -- of a descriptor
                stream.write(token.strip() + "\n")
                stream.flush()
                os.fsync(stream.fileno())  # else a power cut could leave nothing in the old one's place
            beside.replace(path)
        except OSError as exc:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            hint = "remove what is in its place, or set license.file to the file of the licence"
            raise EditionError(f"{path} cannot be written: {exc.strerror}", hint=hint) from exc
        self._context.marks.begin(licence.issued_at)
        return licence.facts(self.now(), f"file {path}")

    def remove(self) -> str:
        """Delete the licence that was installed; returns where it was, or an empty text."""
        path = installed_licence(self._context.data_dir)
        if path is None:
            return ""
        try:
            path.unlink()
        except OSError as exc:
            raise EditionError(f"{path} cannot be removed: {exc.strerror}", hint="remove it yourself") from exc
        return str(path)

    def found(self) -> Found | None:
        """Return the licence that counts: of the settings or the environment, else the one that was installed.

        Raises:
            EditionError: It cannot be read.
        """
        options = self._context.config.license
        if options.key:
            return Found(options.key, "license.key")
        if options.file:
            path = Path(options.file).expanduser()
            hint = "set license.file (CONEXUS_LICENSE_FILE) to the file of a licence, or go on without it: unset it"
            return Found(_content(path, hint), f"file {path}")
        installed = installed_licence(self._context.data_dir)
        if installed is None:
            return None
        return Found(
            _content(installed, f"install the licence again, or go on without it: {_REMOVE}"), f"file {installed}"
        )

    def read(self, found: Found) -> Licence:
        """Return what a licence says.

        Raises:
            EditionError: It is not valid.
        """
        try:
            return read_licence(found.token, self._keys(found.token), self.now(), test=self._test)
        except EditionError as exc:
            if not found.source:
                raise
            way = "unset it" if found.source == "license.key" or self._context.config.license.file else _REMOVE
            hint = f"{exc.hint}; or go on without it: {way}"
            raise EditionError(f"{exc.message} ({found.source})", hint=hint, details=exc.details) from exc

    def now(self) -> float:
        """Return the time that counts: a clock that was set back does not make a licence younger."""
        return self._context.marks.seen(self._context.now())

    def _keys(self, token: str) -> dict[str, bytes]:
        keys = dict(known_keys(test=self._test))
        if not self._test:
            _refuse_test_key(token)
        return keys

    def _place(self) -> Path | None:
        return None if self._context.data_dir is None else self._context.data_dir / LICENCE_FILE


def _refuse_test_key(token: str) -> None:
    """Say of a test licence that it is one, in place of that its key is not known.

    Raises:
        EditionError: It is one.
    """
    from conexus_ee.tokens import unverified  # noqa: PLC0415

    try:
        header, _ = unverified(token.strip())
    except EditionError:
        return  # what is wrong with it is told later
    if header.get("kid") == key_id(published_key()):
        raise refusal("test key", "it is for tests", hint=_TEST_HINT)


def _content(path: Path, hint: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for a writer
        with open(descriptor, "rb") as stream:  # noqa: PTH123 -- of a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise EditionError(f"the licence {path} is no file", hint=hint)
            data = stream.read(MAX_CHARS + 100)
        return data.removeprefix(codecs.BOM_UTF8).decode("ascii").strip()
    except OSError as exc:
        raise EditionError(f"the licence {path} cannot be read: {exc.strerror}", hint=hint) from exc
    except UnicodeDecodeError as exc:
        raise EditionError(
            f"the licence is not valid (malformed): {path} is no plain text",
            hint="save it as one line of plain text (ASCII or UTF-8), or ask for it as it was issued",
            details={"reason": "malformed"},
        ) from exc
