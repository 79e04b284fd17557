# SPDX-License-Identifier: FSL-1.1-MIT
"""The trees that are measured, made from public source packages, and the questions that are asked of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

DJANGO = "django==5.2.8"
DJANGO_BYTES = 10_000_000
MANY_FILES = 10_000
_SMALL_BYTES = 6_000  # of a file of the tree of many files, which is about their number and not their size
_CODE = (".py", ".pyi", ".c", ".h", ".js", ".ts", ".pyx", ".pxd", ".cpp", ".hpp")

# What a working copy of a Python project usually ignores, so that the scanner has rules to apply.
_GITIGNORE = """\
*.egg-info
*.pot
*.py[co]
.tox/
__pycache__
MANIFEST
dist/
docs/_build/
/tests/coverage_html/
/tests/.coverage*
/node_modules/
*~
!keep.py
"""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder of files to index."""

    root: Path
    files: int
    size_bytes: int

    @property
    def megabytes(self) -> float:
        """Size in units of 10**6 bytes."""
        return self.size_bytes / 1e6


def django_files(downloads: Path) -> list[tuple[str, bytes]]:
    """Return the first 10 MB of Django's Python files, in the order of their paths.

    Args:
        downloads: Where the source package is kept; it is downloaded if it is not there.

    Raises:
        CalledProcessError: It cannot be downloaded.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    name = DJANGO.replace("==", "-") + ".tar.gz"
    if not (downloads / name).is_file():
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--no-binary", ":all:", "-d", str(downloads), DJANGO], check=True)
    found: dict[str, bytes] = {}
    with tarfile.open(downloads / name) as package:
        for member in package:
            path = PurePosixPath(member.name)
            if member.isfile() and path.suffix == ".py" and (stream := package.extractfile(member)):
                found["/".join(path.parts[1:])] = stream.read()
    chosen: list[tuple[str, bytes]] = []
    size = 0
    for name in sorted(found):
        size += len(found[name])
        if size > DJANGO_BYTES:
            break
        chosen.append((name, found[name]))
    return chosen


def many_files(files: Sequence[tuple[str, bytes]], number: int = MANY_FILES) -> Iterator[tuple[str, bytes]]:
    """Yield so many files: the small ones of ``files``, again and again under other folders."""
    small = [(path, data) for path, data in files if 0 < len(data) < _SMALL_BYTES]
    made = 0
    for copy in count():
        for path, data in small:
            if made == number:
                return
            yield f"part{copy:02d}/{path}", data
            made += 1


def package_files(folders: Sequence[Path], size_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield source files of installed packages until they have so many bytes.

    Each content comes once; if that is not enough, all come again under other folders.

    Raises:
        ValueError: The folders hold no source file.
    """
    size = 0
    for copy in count():
        seen: set[bytes] = set()
        for number, folder in enumerate(folders):
            for path in _sources(folder):
                data = path.read_bytes()
                digest = hashlib.sha1(data, usedforsecurity=False).digest()
                if not data or digest in seen:
                    continue
                seen.add(digest)
                yield f"copy{copy}/env{number}/{path.relative_to(folder).as_posix()}", data
                size += len(data)
                if size >= size_bytes:
                    return
        if not seen:
            raise ValueError("there are no source files in the folders of packages")


def _sources(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if path.suffix in _CODE and path.is_file() and not path.is_symlink():
                yield path


def write_tree(root: Path, files: Iterable[tuple[str, bytes]]) -> Tree:
    """Write files below a new folder, with a ``.gitignore``."""
    if root.exists():
        shutil.rmtree(root)
    number = size = 0
    for path, data in files:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        number, size = number + 1, size + len(data)
    (root / ".gitignore").write_text(_GITIGNORE, encoding="ascii")
    return Tree(root, number, size)


# --------------------------------------------------------------- questions

_WRITTEN = """\
where are passwords hashed
how is a request routed to its handler
retry with exponential backoff
parse command line arguments
read settings from a file
convert a string to a date
open a database connection
close idle connections in the pool
escape html in a template
compute the checksum of a file
walk a directory tree
compare two versions
load a module by its name
write log records to a file
limit the number of open files
cache the result of a function
sort a list by several keys
split text into tokens
match a path against a glob pattern
normalise unicode text
validate an email address
serialise an object to json
read a csv file
multiply two matrices
solve a system of linear equations
draw random samples from a distribution
count the words of a text
find the shortest path in a graph
compress bytes before sending
verify a signature
encrypt a message with a key
decode base64
handle a timeout of a socket
send an email with an attachment
upload a file in parts
stream a response in chunks
check the permissions of a user
translate a message to another language
format a number with separators
round a decimal half up
build the abstract syntax tree
visit every node of a tree
generate code from a template
print coloured text on the terminal
show a progress bar
ask the user to confirm
run a command in a subprocess
wait for several threads to finish
acquire a lock between processes
schedule a task for later
cancel a running job
watch a folder for changes
merge two dictionaries recursively
copy an object deeply
define an abstract base class
raise an error when an argument is missing
deprecated function warning
migrate the schema of a database
create a table with an index
roll back a transaction
join two tables on a foreign key
escape a value in an sql query
paginate the results of a query
upper bound of a binary search
parse a url into its parts
follow redirects
set a cookie on the response
store the session of a user
protect a form against cross site request forgery
render a widget of a form
resize an image
read the header of a file format
swap the bytes of an integer
convolution layer forward pass
gradient of the loss
softmax over the last dimension
initialise weights at random
learning rate schedule
save a checkpoint of a model
load the weights of a tokenizer
attention mask for padding
cross validation folds
principal component analysis
simplify a symbolic expression
integrate a function numerically
factorise a polynomial
test that an exception is raised
compare floats with a tolerance
mock a network call in a test
skip a test on windows
"""


def questions(catalog: Path, number: int = 200) -> list[str]:
    """Return questions to ask of an index: a fixed list, names defined in it, and sentences of its documentation.

    Args:
        catalog: The index's database; which names and sentences are taken depends on their hashes alone.
        number: How many.

    Raises:
        ValueError: The index holds too few names.
    """
    written = _WRITTEN.splitlines()
    connection = sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT DISTINCT name FROM symbols WHERE length(name) > 5")]
        docs = [row[0] for row in connection.execute("SELECT DISTINCT doc FROM symbols WHERE length(doc) > 20")]
    finally:
        connection.close()
    docs = [" ".join(doc.split()[:12]) for doc in docs]
    half = (number - len(written)) // 2
    chosen = [*_drawn(names, half), *_drawn(docs, number - len(written) - half), *written]
    if len(chosen) < number:
        raise ValueError(f"the index gives only {len(chosen)} of {number} questions")
    return _drawn(chosen, number)


def _drawn(texts: Sequence[str], number: int) -> list[str]:
    """Draw some texts, always the same ones, in an order that is as good as random."""
    return sorted(texts, key=lambda text: hashlib.sha1(text.encode(), usedforsecurity=False).digest())[:number]
