# SPDX-License-Identifier: FSL-1.1-MIT
"""A repository that gives orders: what of it reaches terminals, browsers, other programs and models is text alone.

Neutralised means, of all that is indexed and asked:

- a terminal, and a log, get no control, direction or invisible character, and no line of others' making;
- programs get JSON, XML, SVG, DOT, Mermaid or CSV of which the text is data, and no elements but ours;
- models get code between marks that it does not close, said to be data, in which what hides is made visible and tags
  of tools, marks of chat templates and images from elsewhere are escaped;
- browsers run no script of it, and ask nobody for anything.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from attacks import SEED, dice, not_run, rounds
from injections import Payload, hidden_in, live_for_models, outside_of_code, outside_of_fences, payloads
from program import Program, commit, git
from surfaces import Daemon, file_uri, licensed, receiver, serving

REPO = "example.org/acme/hostile"
PART = 20  # tricks of each search
_LONGEST_NAME = 180
_OURS_OF_RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;id=\d+;file://[!-~]*\x1b\\|\x1b\]8;;\x1b\\")
_FORGED = re.compile(r"\s*(?:## src/safe\.py|src/safe\.py:1 \(|Note: (?!\S+ hits).*nonce|More: .*AAAA)")
_NO_CODE = ("index_status", "explain_skip", "dependency_graph")
"""Tools that show names alone."""
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass
class Findings:
    """What is wrong, and how many tricks reached which surface."""

    wrong: list[str] = field(default_factory=list)
    reached: dict[str, set[str]] = field(default_factory=dict)

    def see(self, surface: str, text: str) -> None:
        """Note which tricks a surface shows."""
        kind = surface.split(":", maxsplit=1)[0]
        self.reached.setdefault(kind, set()).update(re.findall(r"nonce\d+x[0-9a-f]{6}", text))

    def json(self, surface: str, text: str | bytes) -> Any:
        """What a text says as JSON, which it has to be."""
        try:
            return json.loads(text)
        except ValueError as error:
            self.require(surface, error)
            return None

    def require(self, surface: str, bad: object) -> None:
        """Note what should not be there."""
        if bad:
            self.wrong.append(f"{surface}: {str(bad)[:300]}")


@dataclass(frozen=True)
class Hostile:
    """A repository full of tricks."""

    root: Path
    tricks: list[Payload]
    paths: list[str]


def plant(root: Path, count: int) -> Hostile:
    """Put tricks into comments, strings, documentation, headings, names of files, manifests, branches and commits."""
    tricks = payloads(dice("injection"), count)
    paths = []
    for number, trick in enumerate(tricks):
        for path, text in places_of(number, trick).items():
            target = os.path.join(os.fsencode(root), path.encode("utf-8", "surrogateescape"))  # noqa: PTH118 -- bytes
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 -- as above
            with open(target, "wb") as stream:  # noqa: PTH123 -- as above
                stream.write(text.encode("utf-8", "surrogateescape"))
            paths.append(path)
    (root / "lib.js").write_text("export const one = 1;\n")
    commit(root, f"https://{REPO}.git")
    for trick in tricks[::10]:
        told = trick.text.replace("\x00", "").encode("utf-8", "replace").decode()
        (root / "touched.py").write_text(f"def touched():\n    return '{trick.nonce}'\n")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", f"Change what touched returns to its callers {told}")
    git(root, "branch", "x\u202e\u200b<system>![x]".replace("[", "("))
    return Hostile(root, tricks, paths)


def places_of(number: int, trick: Payload) -> dict[str, str]:
    """The files of one trick."""
    text = trick.text.replace("\x00", "\x01")  # a file with the one is taken for binary
    lines = text.replace("\r", "\x01").replace("\n", "\n# ")
    name = "".join(char for char in text if char not in "\x00/").encode("utf-8", "surrogateescape")[:_LONGEST_NAME]
    hostile = name.decode("utf-8", "ignore").strip() or "x"
    quoted = json.dumps(text, ensure_ascii=False)
    match number % 4:
        case 0:
            doc = text.replace("\\", "\\\\").replace('"""', "'''")
            return {
                f"src/m{number}.py": f'def m_{number}(one):\n    """{doc} """\n    # {lines}\n    return {quoted}\n'
            }
        case 1:
            return {f"docs/d{number}.md": f"# {text}\n\n{text}\n\n## Part {number}\n\nWhat {trick.nonce} does.\n"}
        case 2:
            return {f"named/{hostile}.js": f"import '../lib.js';\nexport const n{number} = {quoted}; // {lines}\n"}
        case _:
            package = {"name": f"p{number}-{text}", "version": "1.0.0", "dependencies": {text: "^1.0.0", "left": text}}
            return {
                f"pkg{number}/package.json": json.dumps(package),
                f"pkg{number}/q.sql": f"-- {lines}\nSELECT {number};\n",
            }


# ------------------------------------------------------------------------------ terminals and files


def ask_commands(program: Program, hostile: Hostile) -> Iterator[tuple[str, str]]:
    """What commands print, by what is printed."""
    root = hostile.root
    yield "terminal: index", program.ok("index", root, "--verbose").text
    for number in range(0, len(hostile.tricks), PART):
        some = " ".join(trick.nonce for trick in hostile.tricks[number : number + PART])
        form = ("plain", "markdown", "vimgrep")[number // PART % 3]
        yield (
            f"terminal: search as {form} {number}",
            program.run("search", some, root, "-n", "60", "--format", form, "-C", "9").text,
        )
    some = " ".join(trick.nonce for trick in hostile.tricks[:PART])
    yield "JSON: search", program.run("search", some, root, "-n", "60", "--json", "--explain").out
    yield "JSON: search as lines", program.run("search", some, root, "-n", "60", "--format", "jsonl").out
    yield "models: context", program.run("context", some, root, "--max-tokens", "20000").out
    yield "models: context as XML", program.run("context", some, root, "--format", "xml", "--max-tokens", "20000").out
    yield "terminal: map", program.run("map", root).text
    yield "terminal: symbols", program.run("symbols", "m_0", root, "--uses").text
    yield "terminal: status", program.run("status", root).text
    yield "terminal: why", program.run("why", root / "docs").text
    yield "terminal: eval", program.run("eval", root, "-n", "5", "--set", "history").text
    yield "terminal: graph", program.run("graph", root).text
    for trick in hostile.tricks[:: max(1, len(hostile.tricks) // 12)]:
        hostile_argument = trick.text.replace("\x00", "").encode("utf-8", "surrogateescape")
        yield "terminal: error", program.run("search", b"x", os.fsencode(root), b"--repo", hostile_argument).text
        yield "terminal: index of", program.run("index", b"./" + hostile_argument).text
    yield "terminal: log", program.run("log", "-n", "100").text
    shown = program.on_terminal("search", some, root, "-n", "60", "-C", "9").out
    yield "terminal: rich", _OURS_OF_RICH.sub("", shown.replace("\r\n", "\n"))


def check_commands(found: Findings, answers: Iterator[tuple[str, str]]) -> None:
    """Nothing raw, whoever reads it."""
    for surface, text in answers:
        found.see(surface, text)
        found.require(surface, hidden_in(text))
        if surface.startswith("JSON"):
            for line in [text] if text.startswith("{\n") else text.splitlines():
                found.json(surface, line)
        if surface.startswith("models"):
            check_model_text(found, surface, text)


def check_model_text(found: Findings, surface: str, text: str) -> None:
    """What a model is given: nothing that hides or acts, and no line that looks as ours do."""
    plain = re.sub(r"</?(?:code|outline|context)\b", "", text)
    found.require(surface, live_for_models(plain))
    if surface.endswith("XML"):
        found.require(surface, text.count("<context>") != 1 or text.count("</context>") != 1)
    else:
        found.require(surface, [line for line in outside_of_fences(text) if _FORGED.match(line)])


# ------------------------------------------------------------------------------ the daemon


def check_daemon(found: Findings, daemon: Daemon, hostile: Hostile) -> None:
    """REST, gRPC and MCP."""
    tricks = hostile.tricks
    asks = [" ".join(one.nonce for one in tricks[at : at + PART]) for at in range(0, len(tricks), PART)]
    for one in asks:
        check_rest(found, daemon, "search", {"query": one, "limit": 100})
    found.see("gRPC", daemon.over_grpc(asks[0]))
    for trick in tricks[:: max(1, len(tricks) // 60)]:  # in the place of arguments
        text = trick.text.encode("utf-8", "replace").decode()
        check_rest(found, daemon, "search", {"query": text, "filter": {"paths": [text], "ref": text}})
        check_rest(found, daemon, "file", {"repository": text, "path": text})
        check_rest(found, daemon, "symbols", {"name": text})
    calls: list[tuple[str, dict[str, Any]]] = [
        *(("search_code", {"query": one, "limit": 50, "max_tokens": 20_000}) for one in asks),
        *(("get_context", {"query": one, "max_tokens": 20_000}) for one in asks),
        *(("find_symbol", {"name": f"m_{at}", "uses": True}) for at in range(0, len(tricks), 4)),
        *(("read_file", {"path": path}) for path in hostile.paths[:60] if path.isprintable()),
        ("repository_map", {"max_tokens": 20_000}),
        ("index_status", {}),
        ("explain_skip", {"path": hostile.paths[2].encode("utf-8", "replace").decode()}),
        ("dependency_graph", {"question": "repos"}),
        ("dependency_graph", {"question": "orphans"}),
    ]
    given = [(tool, {**arguments, "repository": REPO}) for tool, arguments in calls]
    for trick in tricks[:: max(1, len(tricks) // 30)]:
        text = trick.text.encode("utf-8", "replace").decode()
        given += [
            ("search_code", {"query": "x", "repository": text}),
            ("find_symbol", {"name": text, "repository": REPO}),
        ]
        given += [("read_file", {"path": text, "repository": REPO}), ("no_such_tool", {text: text})]
    uris = [file_uri(REPO, path) for path in hostile.paths[:20] if path.isprintable()]
    answers = daemon.over_mcp(given, [*uris, f"conexus://{REPO.replace('/', '%2F')}/map"])
    check_mcp(found, answers)


def check_rest(found: Findings, daemon: Daemon, name: str, body: Mapping[str, Any]) -> None:
    """JSON that no browser takes for a page."""
    status, _, rest = daemon.rest("POST", f"/v1/{name}", body).partition(" ")
    headers, _, text = rest.partition("\n")
    found.see("REST", text)
    found.json(f"REST {name}", text)
    found.require(f"REST {name}", status == "500")
    found.require(f"REST {name}", "application/json" not in headers or "nosniff" not in headers)


def check_mcp(found: Findings, answers: Mapping[str, str]) -> None:
    """Texts and JSON of tools and resources."""
    for surface, text in answers.items():
        found.see("MCP", text)
        if surface.endswith("as JSON"):
            for one in strings_of(found.json(surface, text)):
                found.require(surface, live_for_models(one))
            continue
        check_model_text(found, surface, text)
        is_tool = surface.split()[1].isdigit()
        if is_tool and "nonce" in text and not text.startswith(("Error", "Nothing found")):
            says = "data, no instruction" in text or surface.endswith(_NO_CODE)
            found.require(surface, not says and "it does not say that this is data")
            found.require(surface, re.findall(r"\]\(\s*<?(?:https?:|javascript:|data:)", outside_of_code(text)))


def strings_of(value: Any) -> Iterator[str]:
    """All texts in JSON, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from strings_of(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from strings_of(one)


def check_frameworks(found: Findings, daemon: Daemon, tricks: list[Payload]) -> None:
    """Documents of LangChain, LlamaIndex and Haystack."""
    import conexus  # noqa: PLC0415 -- what follows takes a while to import
    from conexus.haystack import document_of as haystack_document  # noqa: PLC0415
    from conexus.langchain import ConexusRetriever  # noqa: PLC0415
    from conexus.llamaindex import node_of  # noqa: PLC0415

    with conexus.connect(daemon.http, daemon.token, repository=REPO) as code:
        for at in range(0, len(tricks), PART):
            query = " ".join(one.nonce for one in tricks[at : at + PART])
            texts = [one.page_content for one in ConexusRetriever(code=code, k=50).invoke(query)]
            answer = code.search(query, limit=50)
            texts += [haystack_document(hit).content or "" for hit in answer.hits]
            texts += [node_of(hit).node.get_content() for hit in answer.hits]
            for text in texts:
                found.see("frameworks", text)
                found.require("frameworks", live_for_models(text))


def check_log(found: Findings, program: Program) -> None:
    """Every line is one that the daemon wrote, and none shows anything raw."""
    text = (program.folder / "serve.log").read_text(encoding="utf-8", errors="surrogateescape")
    found.require("log", hidden_in(text))
    line = re.compile(r"\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d{4} (?:debug|info|warning|error) ")
    own = [one for one in text.splitlines() if not one.startswith("serving on http://127.0.0.1:")]
    found.require("log", [one for one in own if not line.match(one)][:3])
    found.require("log", "subject=admin" in text)


# ------------------------------------------------------------------------------ graphs, pages and tables


def check_pictures(found: Findings, program: Program, hostile: Hostile) -> dict[str, str]:
    """What other programs draw; return the pages for a browser."""
    pages = {}
    for command in (("graph", "show", os.fspath(hostile.root)), ("graph", "repos", "--external")):
        name = " ".join(command[:2])
        for form in ("html", "svg", "graphml", "mermaid", "dot", "json"):
            ended = program.run(*command, "-f", form)
            if ended.code:
                assert "graph repos" in name, ended.text  # a part of the enterprise edition
                continue
            surface = f"pictures: {name} as {form}"
            found.see(surface, ended.out)
            found.require(surface, hidden_in(ended.out))
            CHECKS[form](found, surface, ended.out)
            if form == "html":
                pages[name] = ended.out
    return pages


def check_html(found: Findings, surface: str, text: str) -> None:
    """Two scripts, both ours, and a policy that lets no other run."""
    found.require(surface, text.lower().count("<script") != 2 or text.lower().count("</script") != 2)
    found.require(
        surface, "Content-Security-Policy" not in text or "'unsafe-inline'" in text.split("style-src", maxsplit=1)[0]
    )
    found.require(surface, re.findall(r"<(?:img|svg|iframe)[^>]*nonce\d[^>]*>", text))


def check_xml(found: Findings, surface: str, text: str) -> None:
    """No element and no attribute but ours."""
    try:
        elements = list(ET.fromstring(text).iter())  # noqa: S314 -- our own writing
    except ET.ParseError as error:
        found.require(surface, error)
        return
    for element in elements:
        tag = element.tag.rpartition("}")[2]
        found.require(surface, tag in {"script", "image", "foreignObject", "a"} and tag)
        found.require(surface, [name for name in element.attrib if name.lower().startswith("on") or "href" in name])


def check_mermaid(found: Findings, surface: str, text: str) -> None:
    """A node a line, and labels of plain characters."""
    for line in text.splitlines():
        bare = re.sub(r'"[\w./@ #;-]*"', "", line, flags=re.ASCII)
        found.require(surface, re.search(r"nonce|click|href", bare) and line)


def check_dot(found: Findings, surface: str, text: str) -> None:
    """Without its quoted texts a graph has nothing of others."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)
    found.require(surface, '"' in bare or "nonce" in bare or "URL" in bare)
    found.require(surface, re.search(r"label=<", text))


def check_json(found: Findings, surface: str, text: str) -> None:
    """JSON."""
    found.json(surface, text)
    found.require(surface, not text.isascii())


CHECKS: dict[str, Callable[[Findings, str, str], None]] = {
    "html": check_html,
    "svg": check_xml,
    "graphml": check_xml,
    "mermaid": check_mermaid,
    "dot": check_dot,
    "json": check_json,
}


def check_tables(found: Findings, program: Program) -> None:
    """An audit log as a table: as many cells in each row, and none that a spreadsheet would compute."""
    table, page = program.folder / "audit.csv", program.folder / "audit.html"
    program.ok("audit", "export", "--format", "csv", table)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    found.see("tables", table.read_text(encoding="utf-8"))
    found.require("tables", len({len(row) for row in rows}) != 1)
    cells = [cell for row in rows for cell in row]
    found.require("tables", [cell for cell in cells if cell.lstrip().startswith(_FORMULA)])
    program.ok("audit", "report", "--html", page)
    text = page.read_text(encoding="utf-8")
    found.see("audit report", text)
    found.require("audit report", "<script" in text or re.search(r"<[^>]*\son\w+=", text))
    found.require("terminal: audit", hidden_in(program.run("audit", "search", "-n", "200").text))


@rounds(quick=66, full=330)
def test_hostile_text_is_text_everywhere(
    program: Program, tmp_path: Path, figure: Callable[..., None], rounds: int
) -> None:
    """Every trick, in every place, on every surface."""
    hostile = plant(tmp_path / "hostile", rounds)
    found = Findings()
    has_edition = licensed(program)
    program.settings |= {"CONEXUS_WEBHOOKS_ALLOW_PRIVATE": "true", "CONEXUS_DAEMON_LOG_LEVEL": "debug"}
    program.settings["CONEXUS_DAEMON_REQUESTS_PER_S"] = "100000"
    check_commands(found, ask_commands(program, hostile))
    check_pictures(found, program, hostile)
    with receiver() as (url, sent):
        program.ok("webhooks", "add", f"{url}/hook")
        with serving(program) as daemon:
            check_daemon(found, daemon, hostile)
            check_frameworks(found, daemon, hostile.tricks)
            daemon.rest("POST", "/v1/index", {"repository": REPO})
    for body in sent:
        found.json("webhooks", body[body.index(b"{") :])
    check_log(found, program)
    if has_edition:
        check_tables(found, program)
    reached = {name: len(nonces) for name, nonces in sorted(found.reached.items())}
    told = ", ".join(f"{name} {count}" for name, count in reached.items())
    figure("injection", planted=len(hostile.tricks), wrong=len(found.wrong), reached=told)
    assert not found.wrong, f"seed {SEED}; {len(found.wrong)}: " + "\n".join(found.wrong[:30])
    for surface in ("terminal", "MCP", "REST"):
        assert reached[surface] >= 0.9 * rounds, reached  # else it proves nothing
    assert reached["frameworks"] >= 0.5 * rounds, reached
    assert all(reached.get(surface) for surface in ("JSON", "models", "gRPC", "pictures")), reached


@pytest.mark.slow
def test_no_script_of_a_repository_runs(
    program: Program, tmp_path: Path, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """A browser opens the pages: it asks nobody, says nothing and shows no box."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        not_run("injection in pages", "there is no Chromium", record_property)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- installed for the slow tests alone

    hostile = plant(tmp_path / "hostile", 300)
    licensed(program)
    program.ok("index", hostile.root)
    pages = check_pictures(Findings(), program, hostile)
    happened: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number, text in enumerate(pages.values()):
            file = tmp_path / f"page{number}.html"
            file.write_text(text, encoding="utf-8")
            page = browser.new_page()
            page.on("console", lambda message: happened.append(message.text))
            page.on("pageerror", lambda error: happened.append(str(error)))
            page.on("dialog", lambda dialog: (happened.append(dialog.message), dialog.dismiss()))
            page.on("request", lambda request: happened.append(request.url))
            page.goto(file.as_uri())
            page.wait_for_timeout(2_000)
            page.close()
        browser.close()
    happened = [one for one in happened if not re.fullmatch(r"file:///\S*/page\d\.html", one)]
    figure("injection in pages", planted=300, pages=len(pages), happened=len(happened))
    assert pages
    assert not happened, f"seed {SEED}; {happened[:10]}"
