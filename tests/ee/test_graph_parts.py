# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The pure inside of the graph: versions, diffs, modules, routes, and parts that change."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from builders import checkout_of, commit_of, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import commit

from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_codebase import SqliteCodebase
from conexus.edition import Sight
from conexus.errors import FeatureNotAvailable, InvalidRequest
from conexus.search.dependency_facts import CatalogFacts
from conexus.search.reading import CodeReader
from conexus.types import (
    Ecosystem,
    Endpoint,
    EndpointKind,
    EndpointSide,
    Feature,
    Fingerprint,
    ImpactRequest,
    IndexId,
    PackageProvided,
    RepoId,
)
from conexus_ee.diffs import changes_of, lines_changed
from conexus_ee.graph import LicensedGraph
from conexus_ee.graph_modules import asked_of, files_meant, offers_of, unaliased
from conexus_ee.graph_parts import code_of, read_part
from conexus_ee.graph_routes import Routes
from conexus_ee.versions import allows, newest, same

# ------------------------------------------------------------------------------ versions


@pytest.mark.parametrize(
    ("ecosystem", "constraint", "version", "expected"),
    [
        ("npm", "^1.2.3", "1.9.0", True),
        ("npm", "^1.2.3", "2.0.0", False),
        ("npm", "^1.2.3", "1.2.2", False),
        ("npm", "^0.2.3", "0.3.0", False),
        ("npm", "^0.0.3", "0.0.4", False),
        ("npm", "^1.0.0", "2.0.0-beta.1", False),
        ("npm", "~1.2", "1.2.9", True),
        ("npm", "~1.2", "1.3.0", False),
        ("npm", ">=1.0.0 <2.0.0", "1.5.0", True),
        ("npm", "1.x", "1.4.4", True),
        ("npm", "1.x || >=2.5.0", "2.6.0", True),
        ("npm", "1.2.3 - 2.3", "2.3.9", True),
        ("npm", "1.2.3 - 2.3.4", "2.3.5", False),
        ("npm", ">1", "1.5.0", False),
        ("npm", "<=1", "1.5.0", True),
        ("npm", "1.2.3", "1.2.4", False),
        ("npm", "*", "7.0.0", True),
        ("npm", "git+https://example.org/x", "1.0.0", None),
        ("npm", "workspace:*", "1.0.0", None),
        ("npm", "^1.0.0", "not a version", None),
        ("cargo", "1.2", "1.9.9", True),
        ("cargo", "0.2", "0.3.0", False),
        ("cargo", "=1.2.3", "1.2.4", False),
        ("rubygems", "~> 1.2", "1.9", True),
        ("rubygems", "~> 1.2.3", "1.3.0", False),
        ("hex", "~> 1.0", "1.9.0", True),
        ("hex", ">= 1.0.0 and < 2.0.0", "1.5.0", True),
        ("nuget", "[1.0,2.0)", "2.0.0", False),
        ("nuget", "[1.0]", "1.0.0", True),
        ("nuget", "1.0", "3.0.0", True),
        ("maven", "(,2.0]", "2.0", True),
        ("composer", "^1.2|^2.0", "2.1.0", True),
        ("go", "v1.2.3", "v1.4.0", True),
        ("pypi", ">=1,<2", "1.5", True),
        ("pypi", ">=1,<2", "2.1.0", False),
        ("pypi", "^1.2", "2.0", False),
        ("pypi", "~=1.2", "1.9", True),
        ("pypi", "1.0", "1.0.0", True),
        ("pypi", "==1.*", "1.7", True),
        ("pypi", "", "3", True),
        ("pypi", "@ https://example.org/x.whl", "1.0", None),
        ("pypi", ">=1", "", None),
    ],
)
def test_a_constraint_allows_a_version_or_not(
    ecosystem: str, constraint: str, version: str, expected: bool | None
) -> None:
    """As the ecosystem reads it; where that cannot be told, nothing is claimed."""
    assert allows(ecosystem, constraint, version) is expected


@given(st.sampled_from(list(Ecosystem)), st.text(max_size=40), st.text(max_size=20))
def test_no_constraint_breaks_anything(ecosystem: str, constraint: str, version: str) -> None:
    """Whatever a manifest says."""
    assert allows(ecosystem, constraint, version) in {True, False, None}


@given(*[st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))] * 2)
def test_a_caret_keeps_the_first_number_that_is_not_zero(
    low: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    """The rule of npm and Cargo, said another way."""
    place = next((at for at, number in enumerate(low) if number), 2)
    expected = other >= low and other[: place + 1] == low[: place + 1]
    one, two = (".".join(map(str, version)) for version in (low, other))
    assert allows("npm", f"^{one}", two) is expected


def test_versions_are_ordered() -> None:
    """By their numbers; what stands before a final version comes first."""
    assert newest("npm", ["1.9.0", "1.10.0", "1.10.0-rc.1", "x"]) == "1.10.0"
    assert same("pypi", ">=1, <2", "<2,>=1")
    assert not same("npm", "^1", "^2")


# ------------------------------------------------------------------------------ diffs

DIFF = """diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1,4 +1,5 @@
 one
-two
+TWO
+and more
 three
 four
diff --git a/old.py b/new.py
rename from old.py
rename to new.py
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-x
-y
--- "a/caf\\303\\251.py"
+++ "b/caf\\303\\251.py"
@@ -9 +9 @@
-a
\\ No newline at end of file
+b
"""


def test_a_diff_is_read() -> None:
    """Changed, renamed and deleted files, and names that git quotes."""
    changed, renamed, gone, quoted = changes_of(DIFF)
    assert (changed.old, changed.new, changed.old_lines, changed.new_lines) == ("a.py", "a.py", (2, 3), (2, 3))
    assert (renamed.old, renamed.new) == ("old.py", "new.py")
    assert (gone.old, gone.new, gone.old_lines) == ("gone.py", "", (1, 2))
    assert (quoted.new, quoted.new_lines) == ("café.py", (9,))


@pytest.mark.parametrize(
    ("diff", "changed"),
    [
        (["diff --git a/x.png b/x.png", "Binary files a/x.png and b/x.png differ"], [("x.png", "x.png")]),
        (["diff --git a/x.bin b/x.bin", "index 1..2 100644", "GIT binary patch", "delta 1", "zc", "", "delta 1", "zd"],
         [("x.bin", "x.bin")]),
        (["diff --git a/n.bin b/n.bin", "new file mode 100644", "Binary files /dev/null and b/n.bin differ"],
         [("", "n.bin")]),
        (["diff --git a/n.bin b/n.bin", "deleted file mode 100644", "GIT binary patch", "literal 0"], [("n.bin", "")]),
        (["diff --git a/to and fro.bin b/to and fro.bin",
          "Binary files a/to and fro.bin and b/to and fro.bin differ"], [("to and fro.bin", "to and fro.bin")]),
        (['diff --git "a/caf\\303\\251.png" "b/caf\\303\\251.png"', "GIT binary patch"], [("café.png", "café.png")]),
        (["Binary files one/x.bin and two/x.bin differ", "Binary files one/y.bin and two/y.bin differ"],
         [("one/x.bin", "two/x.bin"), ("one/y.bin", "two/y.bin")]),
        (["diff --git a/empty.py b/empty.py", "new file mode 100644", "index 0000000..e69de29"], [("", "empty.py")]),
        (["diff --git a/run.sh b/run.sh", "old mode 100644", "new mode 100755"], [("run.sh", "run.sh")]),
        (["diff --git i/run.sh w/run.sh", "old mode 100644", "new mode 100755"], [("i/run.sh", "w/run.sh")]),
        (["diff --git a/a.py b/b.py", "similarity index 100%", "copy from a.py", "copy to b.py"], [("", "b.py")]),
        (["diff --git a/a.py b/b.py", "rename from a.py", "rename to b.py", "GIT binary patch"], [("a.py", "b.py")]),
        (["diff --git a/x.png b/x.png", "Binary files a/x.png and b/x.png differ",
          "diff --git a/y.py b/y.py", "--- a/y.py", "+++ b/y.py", "@@ -1 +1 @@", "-a", "+b"],
         [("x.png", "x.png"), ("y.py", "y.py")]),
    ],
)  # fmt: skip
def test_a_file_whose_lines_a_diff_does_not_show_is_changed(diff: list[str], changed: list[tuple[str, str]]) -> None:
    """What is no text, empty, or has another mode."""
    assert [(change.old, change.new) for change in changes_of("\n".join(diff))] == changed


def test_a_diff_of_no_text_is_read_as_git_writes_it(tmp_path: Path) -> None:
    """In both forms that git has for it."""
    file = tmp_path / "of a picture.bin"
    file.write_bytes(b"\0one")
    commit(tmp_path, "")
    file.write_bytes(b"\0two")
    for form in ([], ["--binary"]):
        made = subprocess.run(["git", "diff", *form], cwd=tmp_path, capture_output=True, check=True, text=True).stdout
        assert [change.new for change in changes_of(made)] == [file.name], made


def test_the_side_that_is_indexed_counts() -> None:
    """Lines are those of the file before the change, or after it."""
    [change, *_] = changes_of(DIFF.replace("@@ -1,4 +1,5 @@\n one\n", "@@ -11,3 +21,4 @@\n"))
    before = "\n" * 10 + "two\nthree\nfour"
    after = "\n" * 20 + "TWO\nand more\nthree\nfour"
    assert lines_changed(change, before)[1] == (11, 12)
    assert lines_changed(change, after)[1] == (21, 22)


def test_lines_beyond_the_end_count_as_the_last() -> None:
    """However many a diff tells of."""
    hunk = "--- a/a.py\n+++ b/a.py\n@@ -1,5000 +1,5000 @@\n" + "-aa\n+bb\n" * 5000
    [change] = changes_of(hunk)
    assert lines_changed(change, "one\ntwo\nthree")[1] == (1, 2, 3)


@given(
    st.lists(
        st.sampled_from(["diff --git ", "Binary files ", "/dev/null", " and ", " differ", "GIT binary patch", '"'])
        | st.text(alphabet="-+@ ab/\n,0123", max_size=30)
    ).map("".join)
)
def test_no_diff_breaks_anything(text: str) -> None:
    """It is read, or refused with a message."""
    try:
        assert changes_of(text)
    except InvalidRequest as error:
        assert error.hint


# ------------------------------------------------------------------------------ imports and routes


@pytest.mark.parametrize(
    ("language", "target", "paths", "package", "expected"),
    [
        ("python", "shop.cart.Cart", ["src/shop/__init__.py", "src/shop/cart.py"], (Ecosystem.PYPI, "shop"),
         "src/shop/cart.py"),
        ("python", "google.one.Thing", ["google/one/__init__.py"], (Ecosystem.PYPI, "google-one"),
         "google/one/__init__.py"),
        ("python", "tool", ["tool.py"], (Ecosystem.PYPI, "tool"), "tool.py"),
        ("typescript", "@acme/x", ["p/package.json", "p/src/index.ts"], (Ecosystem.NPM, "@acme/x"), "p/src/index.ts"),
        ("javascript", "x/lib/y", ["package.json", "lib/y.js"], (Ecosystem.NPM, "x"), "lib/y.js"),
        ("rust", "acme_x::a::B", ["Cargo.toml", "src/lib.rs", "src/a.rs"], (Ecosystem.CARGO, "acme-x"), "src/a.rs"),
        ("java", "com.acme.Thing", ["src/main/java/com/acme/Thing.java"], None, "src/main/java/com/acme/Thing.java"),
        ("c", "acme/x.h", ["include/acme/x.h"], None, "include/acme/x.h"),
        ("ruby", "acme/client", ["lib/acme/client.rb"], None, "lib/acme/client.rb"),
        ("protobuf", "acme/v1/x.proto", ["proto/acme/v1/x.proto"], None, "proto/acme/v1/x.proto"),
    ],
)  # fmt: skip
def test_an_import_means_a_file_of_another_repository(
    language: str, target: str, paths: list[str], package: tuple[Ecosystem, str] | None, expected: str
) -> None:
    """By the rules of each language."""
    at = {path: number for number, path in enumerate(paths)}
    manifest = next((path for path in paths if path.endswith((".json", ".toml"))), "pyproject.toml")
    provided = [] if package is None else [(manifest, PackageProvided(*package, "1", 1))]
    offers = offers_of(at, provided)
    found = [
        files_meant(asked, offers[asked.key], at, {}) for asked in asked_of(language, target) if asked.key in offers
    ]
    assert [paths[file] for file in found[0]] == [expected]


def test_an_import_of_all_of_a_package_means_the_files_of_its_folder() -> None:
    """As Java writes it."""
    at = {"src/main/java/com/acme/Thing.java": 0, "src/main/java/com/acme/Other.java": 1}
    offers = offers_of(at, [])
    [asked] = [one for one in asked_of("java", "com.acme.*") if one.key in offers]
    assert files_meant(asked, offers[asked.key], at, {"src/main/java/com/acme": (0, 1)}) == [0, 1]


@pytest.mark.parametrize(
    ("language", "target", "meant"),
    [
        ("typescript", "zod3", "zod"),
        ("typescript", "zod3/v4/core", "zod/v4/core"),
        ("javascript", "@my/x", "@its/x"),
        ("javascript", "@my/x/y", "@its/x/y"),
        ("javascript", "zod34", "zod34"),
        ("javascript", "./zod3", "./zod3"),
        ("python", "zod3", "zod3"),
    ],
)
def test_an_import_by_an_alias_means_the_package(language: str, target: str, meant: str) -> None:
    """Of what it is an alias of, in languages that have such."""
    assert unaliased(language, target, {"zod3": "zod", "@my/x": "@its/x"}) == meant


def test_a_go_import_means_the_files_of_a_folder() -> None:
    """Of the innermost module that it can be of."""
    offers = offers_of({}, [("go.mod", PackageProvided(Ecosystem.GO, "example.org/x", "", 1))])
    [asked] = [one for one in asked_of("go", "example.org/x/pages") if one.key in offers]
    assert files_meant(asked, offers[asked.key], {}, {"pages": [4, 7]}) == [4, 7]
    assert asked_of("go", "fmt") == []


@pytest.mark.parametrize(
    ("language", "target"),
    [("python", "os.path"), ("python", ".x"), ("javascript", "node:fs"), ("javascript", "./x"), ("rust", "crate::a"),
     ("rust", "std::io"), ("java", "java.util"), ("markdown", "x"), ("python", "")],
)  # fmt: skip
def test_what_lies_within_or_with_the_language_asks_for_nothing(language: str, target: str) -> None:
    """No other repository is meant."""
    assert asked_of(language, target) == []


def http(path: str, method: str = "GET", side: EndpointSide = EndpointSide.SERVES) -> Endpoint:
    """A route."""
    return Endpoint(EndpointKind.HTTP, side, method, path, 1)


def test_a_call_means_the_route_that_it_fits() -> None:
    """As a whole or by its end; by the method; and not by a parameter alone."""
    routes = Routes(
        [(http("/users/{}"), 1), (http("/users/{}", "POST"), 2), (http("/api/v1/users/me/mail"), 3), (http("/{}"), 4)]
    )
    assert dict(routes.meant(http("/users/42"))) == {1: 0.9}
    assert dict(routes.meant(http("/users/{}", "POST"))) == {2: 0.9}
    assert set(dict(routes.meant(http("/users/{}", "*")))) == {1, 2}
    assert dict(routes.meant(http("/users/me/mail"))) == {3: 0.6}
    assert dict(routes.meant(http("/host/path/api/v1/users/me/mail"))) == {3: 0.6}
    assert routes.meant(http("/{}")) == []
    assert routes.meant(http("/other")) == []
    grpc = Endpoint(EndpointKind.GRPC, EndpointSide.SERVES, "Get", "acme.v1.Users", 1)
    remote: Routes[int] = Routes([(grpc, 1)])
    assert [one for one, _ in remote.meant(Endpoint(EndpointKind.GRPC, EndpointSide.CALLS, "Get", "Users", 1))] == [1]
    assert remote.meant(Endpoint(EndpointKind.GRPC, EndpointSide.CALLS, "Put", "Users", 1)) == []


# ------------------------------------------------------------------------------ parts


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqliteCatalog]:
    """An empty catalog."""
    found = SqliteCatalog(str(tmp_path / "catalog.db"))
    yield found
    found.close()


def facts_of(catalog: SqliteCatalog) -> CatalogFacts:
    """What parts are read from."""
    codebase = SqliteCodebase(catalog.rows, catalog.scope)
    return CatalogFacts(catalog, codebase, CodeReader(catalog, codebase))


class _Words:
    name = fingerprint = "words"
    dim = 4
    is_fast = True

    def knows(self, word):
        return True

    def embed_documents(self, texts):
        return np.zeros((len(texts), self.dim), np.float32)

    embed_query = embed_documents


def started(catalog: SqliteCatalog, root: str, repo: str) -> IndexId:
    """An index of nothing."""
    view = catalog.ensure_view(checkout_of(root, repo))
    return catalog.begin_index(view.id, Fingerprint("f"), cast("object", _Words())).id  # type: ignore[arg-type]


EDITS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["put", "remove"]), st.integers(0, 5)), min_size=1, max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_a_part_that_is_changed_is_as_one_that_is_read_anew(edits: list[tuple[str, str, int]]) -> None:
    """After any edits: the same definitions and uses, by path, name and line."""
    catalog = SqliteCatalog(":memory:")
    facts = facts_of(catalog)
    index = started(catalog, "/srv/app", "example.org/app")
    part = None
    for name, what, variant in edits:
        path = f"src/{name}.py"
        old = [record.id for record in catalog.files_at(index, [path]).values()]
        new = []
        if what == "put":
            text = "\n" * variant + f"def {name}_{variant}():\n    return helper()\n"
            made = replace(source(text, f"{name}_{variant}"), uses=("helper", f"a_{variant}"))
            [number] = catalog.open_batch(index, old, 1)
            new = [commit_of(number, path, made, repo="example.org/app")]
        catalog.commit_batch(index, new, old)
        [view] = catalog.views()
        assert view.live is not None
        state = facts.states([index])[index]
        part = read_part(view, view.live, state, facts, part)
        code_of(part, facts)
        fresh = read_part(view, view.live, state, facts, None)
        code_of(fresh, facts)
        assert told(part) == told(fresh)
    catalog.close()


def told(part):
    """Definitions and uses of a part without its numbers."""
    code = part.code
    symbols = [(part.paths[code.file[n]], int(code.line[n]), int(code.name[n])) for n in range(len(code.file))]
    uses = sorted(
        (
            part.paths[code.use_file[n]],
            int(code.use_line[n]),
            int(code.use_name[n]),
            symbols[code.use_in[n]] if code.use_in[n] >= 0 else None,
        )
        for n in range(len(code.use_file))
    )
    assert list(code.use_name) == sorted(code.use_name)
    return sorted(symbols), uses, sorted(part.at), sorted(one.name for _, one in part.provided)


class _Nothing:
    def has(self, feature: Feature) -> bool:
        return False

    def why_not(self, feature: Feature) -> str:
        return "the licence is over since 2026-01-01"


def test_a_licence_that_is_over_answers_nothing(catalog: SqliteCatalog) -> None:
    """The refusal says why, and nothing is read."""
    graph = LicensedGraph(cast("object", _Nothing()))  # type: ignore[arg-type]
    with pytest.raises(FeatureNotAvailable) as caught:
        graph.impact(Sight((), facts_of(catalog)), ImpactRequest(("x",), repo=RepoId("x")))
    assert "the licence is over" in caught.value.message
