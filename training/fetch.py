# SPDX-License-Identifier: FSL-1.1-MIT
"""Fetches the packages that the model is trained on, and takes their source files out.

    python -m training.fetch --out DIR                         the committed list, at its versions
    python -m training.fetch --list FILE --out DIR --accept FILE   other candidates; writes those that may be used

Needs ``pip``, ``npm``, ``apt-get`` with source packages (``deb-src``) and ``dpkg-deb``. Nothing of a package is run.
What is there already is not fetched again. Only packages under permissive licences are unpacked, and none that
is made from a repository of the public benchmark.
"""

from __future__ import annotations

import argparse
import csv
import email
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from conexus.parsing import classify
from conexus.parsing.languages import detect
from conexus.types import FileTag
from training import excluded

LIST: Final = Path(__file__).resolve().parent / "packages.tsv"
_BATCH: Final = {"pypi": 12, "npm": 20, "debian": 240, "debian-source": 40}
_THREADS: Final = {"pypi": 2, "npm": 3, "debian": 1, "debian-source": 1}
_MAX_BYTES: Final = 200_000
_MAX_FILES: Final = 2_500
"""Of one package: a few giants would drown the rest."""
_MAX_TOTAL: Final = 12_000_000
_LEFT_OUT: Final = re.compile(
    r"(?:^|/)(?:third_?party|thirdparty|3rdparty|externals?|extern|deps|_?vendor(?:ed|s)?|node_modules|bundled?|contrib"
    r"|dist/cjs|dist/umd|umd|bench(?:marks?)?|examples?|samples?|demos?|docs?|site|locales?|i18n|migrations|debian)/",
    re.IGNORECASE,
)
_PERMISSIVE: Final = re.compile(
    r"""^(?: mit(?:-?0|-cmu|-style|-license)? | the\ mit.* | mit\ license.* | expat | x11 | 0bsd
    | (?:new\ |modified\ |simplified\ |revised\ |\d-clause\ )?bsd.* | apache.* | asl.* | isc.* | zlib.* | unlicense.*
    | cc0.* | bsl-?1.* | boost.* | psf.* | python.* | public[ -]domain.* | ncsa | wtfpl.* | postgresql.* | hpnd.*
    | unicode.* | ruby | artistic-2.* | php-3.* | zpl.* | blueoak.* | curl | ftl | historical\ permission.*
    | zope\ public.* | academic\ free.* | afl.* | upl.* | ms-pl | mulan.*
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_COPYLEFT: Final = re.compile(
    r"gpl|general public|mpl|mozilla|epl|eclipse|cddl|eupl|proprietary|commercial|commons clause|sspl|busl",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package as its archive describes it."""

    registry: str
    name: str
    version: str
    licence: str
    urls: tuple[str, ...]


def is_permissive(licence: str) -> bool:
    """Whether a licence, as packages write it, lets anyone use the text for anything; alternatives count each."""
    text = licence.strip().replace("License ::", "").strip()
    if not text or len(text) > 200 or "://" in text:
        return False
    if "(" in text and _COPYLEFT.search(text):
        return False  # whatever the brackets say
    parts = [part.strip(" ()") for part in re.split(r"\s+and\s+|\s*[,&;]\s*", text, flags=re.IGNORECASE)]
    return all(map(_is_permissive_one, filter(None, parts)))


def _is_permissive_one(text: str) -> bool:
    alternatives = re.split(r"\s+or\s+|\s*/\s*|\s*\|\|\s*", text, flags=re.IGNORECASE)
    plain = (re.sub(r"\s+with\s+.*exception.*", "", one, flags=re.IGNORECASE).strip(" ()") for one in alternatives)
    return any(_PERMISSIVE.match(one) is not None and _COPYLEFT.search(one) is None for one in plain if one)


# ------------------------------------------------------------------ fetching


def _command(registry: str, folder: Path, specs: Sequence[str]) -> list[str]:
    if registry == "pypi":
        return [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(folder),
            *specs,
        ]
    if registry == "npm":
        return ["npm", "pack", "--silent", "--ignore-scripts", *specs]
    return ["apt-get", "-qq", *(["download"] if registry == "debian" else ["source", "--download-only"]), *specs]


def _spec(registry: str, name: str, version: str) -> str:
    joint = {"pypi": "==", "npm": "@"}.get(registry, "=")
    return f"{name}{joint}{version}" if version else name


def _fetch(registry: str, wanted: Sequence[tuple[str, str]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done_list = folder / ".asked"
    asked = set(done_list.read_text(encoding="utf-8").split("\n")) if done_list.exists() else set()
    specs = [spec for spec in (_spec(registry, *row) for row in wanted) if spec not in asked]

    def run(part: Sequence[str]) -> bool:
        done = subprocess.run(
            _command(registry, folder, part), cwd=folder, capture_output=True, check=False, timeout=900
        )
        return done.returncode == 0

    def batch(part: Sequence[str]) -> None:
        try:
            if not run(part) and registry in {"pypi", "npm"}:  # apt fetches the others all the same
                for spec in part:
                    run([spec])
        except subprocess.TimeoutExpired:
            print(f"timed out: {' '.join(part)}", file=sys.stderr)
        with done_list.open("a", encoding="utf-8") as out:
            out.write("\n".join([*part, ""]))

    parts = [specs[at : at + _BATCH[registry]] for at in range(0, len(specs), _BATCH[registry])]
    with ThreadPoolExecutor(_THREADS[registry]) as pool:
        for number, _ in enumerate(pool.map(batch, parts), start=1):
            print(f"{registry}: {number} of {len(parts)} batches", flush=True)


# ------------------------------------------------------------------ archives

Files = Iterator[tuple[str, Callable[[], bytes]]]


def _wheel(path: Path) -> tuple[Package, Files]:
    archive = zipfile.ZipFile(path)
    names = archive.namelist()
    meta = next(name for name in names if name.endswith(".dist-info/METADATA"))
    head = email.message_from_bytes(archive.read(meta))
    classifiers = [line for line in head.get_all("Classifier", []) if line.startswith("License ::")]
    stated = head.get("License-Expression") or ""
    if not stated and classifiers:
        stated = " and ".join(
            line.rpartition("::")[2].strip().replace("(", "").replace(")", "")
            for line in classifiers
            if line.count("::") > 1
        )
        stated = re.sub(r" License", "", stated)
    stated = stated or (head.get("License") or "").split("\n")[0]
    urls = [*head.get_all("Project-URL", []), head.get("Home-page") or ""]
    package = Package("pypi", str(head["Name"]), str(head["Version"]), str(stated), tuple(map(str, urls)))
    return package, ((name, lambda name=name: archive.read(name)) for name in names)


def _tar_files(archive: tarfile.TarFile, strip: Callable[[str], str]) -> Files:
    for member in archive:
        if member.isfile() and member.size <= _MAX_BYTES:
            path = strip(member.name.removeprefix("./"))

            def read(member: tarfile.TarInfo = member) -> bytes:
                handle = archive.extractfile(member)
                return handle.read() if handle else b""

            yield path, read


def _npm(path: Path) -> tuple[Package, Files]:
    with tarfile.open(path) as archive:
        handle = archive.extractfile(
            next(m for m in archive if m.name.count("/") == 1 and m.name.endswith("/package.json"))
        )
        described = json.loads(handle.read()) if handle else {}
    licence = described.get("license") or described.get("licenses") or ""
    if isinstance(licence, list):
        licence = " or ".join(str(one.get("type", one) if isinstance(one, dict) else one) for one in licence)
    if isinstance(licence, dict):
        licence = licence.get("type", "")
    where = described.get("repository") or ""
    where = where.get("url", "") if isinstance(where, dict) else where
    package = Package(
        "npm", described["name"], described["version"], str(licence), (str(where), str(described.get("homepage") or ""))
    )
    return package, _tar_files(tarfile.open(path), lambda name: name.partition("/")[2])


_INSTALLED: Final = re.compile(
    r"^usr/(?:share/gocode/src/[\w.-]+/(?:[\w.-]+/[\w.-]+(?:/|$))?|share/cargo/registry/[^/]+/|lib/ruby/vendor_ruby/|share/lua/5\.\d/|share/php/"
    r"|(?:share|lib)/rubygems-integration/[^/]+/gems/[^/]+/)"
)


def _deb(path: Path) -> tuple[Package, Files]:
    fields = email.message_from_string(
        subprocess.run(["dpkg-deb", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    )
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(path)], capture_output=True, check=True).stdout
    archive = tarfile.open(fileobj=io.BytesIO(data))  # noqa: SIM115 -- memory
    licence, found = "", {str(fields.get("Homepage", ""))}
    members = archive.getmembers()
    for member in members:
        if member.isfile() and member.name.endswith("/copyright") and (handle := archive.extractfile(member)):
            text = handle.read().decode("utf-8", "replace")
            licence = debian_licence(text)
            found.update(re.findall(r"^(?:Source|Upstream-Contact): *(\S+)", text, re.MULTILINE))
        if (
            member.isfile()
            and member.name.endswith("/Cargo.toml")
            and member.name.count("/") <= 6
            and (handle := archive.extractfile(member))
        ):
            text = handle.read().decode("utf-8", "replace")
            if match := re.search(r'^license = "([^"]*)"', text, re.MULTILINE):
                licence = match[1]
            if match := re.search(r'^repository = "([^"]*)"', text, re.MULTILINE):
                found.add(match[1])
    found.update(
        "github.com/" + match
        for name in (m.name for m in members)
        for match in re.findall(r"gocode/src/github\.com/([\w.-]+/[\w.-]+)", name)[:1]
    )
    package = Package("debian", str(fields["Package"]), str(fields["Version"]), licence, tuple(sorted(found)))
    archive = tarfile.open(fileobj=io.BytesIO(data))  # noqa: SIM115 -- memory
    return package, (
        (_INSTALLED.sub("", name), read) for name, read in _tar_files(archive, str) if _INSTALLED.match(name)
    )


def debian_licence(text: str) -> str:
    """Return all licences of the files of a package but those of its packaging, as ``MIT and BSD-3-clause``.

    Empty where the text is not in the form that machines read.
    """
    if "Format:" not in text[:500]:
        return ""
    found: dict[str, None] = {}
    for paragraph in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files: *((?:.*\n)(?:[ \t].*\n)*)", paragraph + "\n", re.MULTILINE)
        licence = re.search(r"^License: *(.*)", paragraph, re.MULTILINE)
        if files and licence and not all(one.startswith("debian/") for one in files[1].split()):
            found[licence[1].strip()] = None
    return " and ".join(f"{one}" for one in found) if len(found) > 1 else next(iter(found), "")


def _source(path: Path) -> tuple[Package, Files]:
    text = path.read_text(encoding="utf-8", errors="replace")
    field = {
        name: (re.search(rf"^{name}: *(.*)", text, re.MULTILINE) or [None, ""])[1] or ""
        for name in ("Source", "Version", "Homepage")
    }
    names = re.findall(r"^ [0-9a-f]{32} \d+ (\S+)", text, re.MULTILINE)
    tars = [path.parent / name for name in names if re.search(r"\.tar\.\w+$", name)]
    licence, found = "", [field["Homepage"]]
    for tar in tars:
        if ".orig" in tar.name:
            continue
        with tarfile.open(tar) as archive:
            for member in archive:
                if member.name.removeprefix("./").endswith("debian/copyright") and (
                    handle := archive.extractfile(member)
                ):
                    written = handle.read().decode("utf-8", "replace")
                    licence = debian_licence(written)
                    found += re.findall(r"^Source: *(\S+)", written, re.MULTILINE)
                    break
    package = Package("debian-source", field["Source"], field["Version"], licence, tuple(found))
    sources = [tar for tar in tars if ".debian." not in tar.name]

    def files() -> Files:
        for tar in sources:
            with tarfile.open(tar) as archive:
                yield from _tar_files(archive, lambda name: name.partition("/")[2])

    return package, files()


_READERS: Final[dict[str, tuple[str, Callable[[Path], tuple[Package, Files]]]]] = {
    "pypi": ("*.whl", _wheel),
    "npm": ("*.tgz", _npm),
    "debian": ("*.deb", _deb),
    "debian-source": ("*.dsc", _source),
}


# ------------------------------------------------------------------ unpacking


def is_wanted(path: str) -> bool:
    """Whether a file of a package is source code of its own: no test, example, document or copy of another's."""
    if _LEFT_OUT.search(path) or excluded.is_copy(path) or classify.skip_by_name(path) is not None:
        return False
    if classify.tags_of(path) & {FileTag.TEST, FileTag.EXAMPLE, FileTag.DOCS}:
        return False
    language = detect(PurePosixPath(path).name)
    return (
        language is not None
        and bool(language.grammar)
        and not language.is_data
        and language.name not in {"markdown", "html", "css"}
    )


def _written(files: Files, folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    size = 0
    for path, read in files:
        if not is_wanted(path) or ".." in path:
            continue
        data = read()
        if not 200 <= len(data) <= _MAX_BYTES or b"\0" in data:
            continue
        size += len(data)
        if found.total() >= _MAX_FILES or size > _MAX_TOTAL:
            break
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError:
            continue
        language = detect(path, data[:2_000])
        found[language.name if language else "?"] += 1
    return found


def _unpack(job: tuple[str, Path, Path]) -> tuple[Package | None, str, Counter[str]]:
    registry, path, out = job
    try:
        package, files = _READERS[registry][1](path)
    except (
        OSError,
        ValueError,
        KeyError,
        StopIteration,
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        subprocess.CalledProcessError,
    ) as exc:
        return None, f"{path.name}: {type(exc).__name__}", Counter()
    why = excluded.reason(package.name, package.urls)
    if why or not is_permissive(package.licence):
        return package, why or f"licence: {package.licence[:60] or 'not stated in a form that is read'}", Counter()
    try:
        found = _written(files, out / registry / package.name.replace("/", "+"))
    except (OSError, tarfile.TarError, EOFError, zipfile.BadZipFile) as exc:
        return package, f"damaged: {type(exc).__name__}", Counter()
    return package, "" if found else "no source", found


def read_list(path: Path) -> list[tuple[str, str, str]]:
    """Read registry, name and version (empty for the newest) of each package of a list."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle, delimiter="\t"))
    return [(row[0], row[1], row[2] if len(row) > 2 else "") for row in rows if row and row[0] in _READERS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--accept", type=Path, help="where to write the packages that were used, with their versions and licences"
    )
    parser.add_argument("--registry", action="append", choices=list(_READERS))
    options = parser.parse_args()
    rows = read_list(options.list)
    registries = options.registry or list(_READERS)
    archives = options.out.resolve() / "archives"

    def fetch(registry: str) -> None:
        _fetch(registry, [(name, version) for one, name, version in rows if one == registry], archives / registry)

    with ThreadPoolExecutor(len(registries)) as pool:
        list(pool.map(fetch, registries))
    _unpack_all(registries, archives, options.out.resolve() / "files", options.accept)
    return 0


def _unpack_all(registries: Iterable[str], archives: Path, out: Path, accept: Path | None) -> None:
    from multiprocessing import Pool  # noqa: PLC0415 -- only where it is used

    jobs = [
        (registry, path, out)
        for registry in registries
        for path in sorted((archives / registry).glob(_READERS[registry][0]))
    ]
    kept, languages, refused = [], Counter[str](), Counter[str]()
    with Pool(2) as pool:
        for package, why, found in pool.imap(_unpack, jobs, chunksize=8):
            if package is None or why:
                refused[why.partition(":")[0]] += 1
                continue
            languages += found
            kept.append(package)
    if accept is not None:
        kept.sort(key=lambda one: (one.registry, one.name))
        lines = [
            "registry\tname\tversion\tlicence",
            *("\t".join((one.registry, one.name, one.version, one.licence.replace("\t", " "))) for one in kept),
        ]
        accept.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(kept)} packages kept; left out: {dict(refused.most_common(20))}")
    print(f"files: {dict(languages.most_common())}")


if __name__ == "__main__":
    sys.exit(main())
