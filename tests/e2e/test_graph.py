# SPDX-License-Identifier: FSL-1.1-MIT
"""What imports what, drawn."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from program import ERROR, NOTHING, Program

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = 'web/x"];click n0 call alert()</script><script>alert(1)</script>.js'
FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "from shop import prices\nfrom . import stock\n",
    "shop/prices.py": "import json\n",
    "shop/stock.py": "from shop.prices import price\n",
    "tests/test_cart.py": "from shop.cart import Cart\n",
    "web/index.js": "import './util.js'\n",
    "web/util.js": "export const one = 1\n",
    "lonely.py": "import os\n",
}


@pytest.fixture
def shop(program: Program, tree: Path) -> Path:
    """A tree that is indexed."""
    for path, text in FILES.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text(text)
    program.ok("index", tree)
    return tree


def test_every_format(program: Program, shop: Path) -> None:
    """Files that import nothing of the tree are left out, and so is what lies outside."""
    ended = program.ok("graph", shop)
    assert ended.out.splitlines() == [
        "shop/cart.py -> shop/prices.py",
        "shop/cart.py -> shop/stock.py",
        "shop/stock.py -> shop/prices.py",
        "tests/test_cart.py -> shop/cart.py",
        "web/index.js -> web/util.js",
    ]
    assert "6 files, 5 imports" in ended.err
    found = program.ok("graph", shop, "--json").json
    assert found["schema"] == "conexus.graph/1"
    assert found["nodes"][0] == {"path": "shop/cart.py", "files": 1, "language": "python"}
    assert found["edges"][0] == {"source": 0, "target": 1, "files": 1}
    assert (found["nodes_total"], found["edges_total"]) == (len(FILES) - 1, 5)  # an empty file is left out
    assert program.ok("graph", shop, "-f", "mermaid").out.startswith('flowchart LR\n  n0["shop/cart.py"]\n')
    assert '  n0 [label="shop/cart.py"];\n' in program.ok("graph", shop, "-f", "dot").out


def test_formats_for_other_programs(program: Program, shop: Path) -> None:
    """A table, GraphML that is XML with all edges, and a picture that is SVG with all names."""
    table = program.ok("graph", shop, "-f", "table").out.splitlines()
    assert table[0].split() == ["imports", "imported", "by", "path"]
    assert table[1].split() == ["0", "2", "shop/prices.py"]
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = ElementTree.fromstring(program.ok("graph", shop, "-f", "graphml").out)  # noqa: S314 -- our own
    assert len(graph.findall(f".//{space}edge")) == 5
    assert "shop/cart.py" in {data.text for data in graph.findall(f".//{space}node/{space}data")}
    picture = ElementTree.fromstring(program.ok("graph", shop, "-f", "svg").out)  # noqa: S314 -- as above
    names = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"cart.py", "prices.py", "util.js"} <= names


def test_cycles_and_what_is_central(program: Program, shop: Path) -> None:
    """A cycle with a shortest way round; files by how much leads to them."""
    ended = program.run("graph", shop, "--cycles")
    assert (ended.code, ended.out, ended.err) == (NOTHING, "", "no file here imports itself in the end\n")
    central = program.ok("graph", shop, "--central", "-n", "1")
    assert re.fullmatch(r"0\.\d{4}  shop/prices.py\n", central.out)
    (shop / "shop/prices.py").write_text("from shop import cart\n")
    program.ok("index", shop)
    ended = program.ok("graph", shop, "--cycles")
    assert ended.out.splitlines()[0] == ("3 import one another, as shop/cart.py -> shop/prices.py -> shop/cart.py")
    assert ended.err.endswith("1 cycle, the largest of 3 files\n")
    [cycle] = program.ok("graph", shop, "--cycles", "--json").json["cycles"]
    assert cycle["members"] == ["shop/cart.py", "shop/prices.py", "shop/stock.py"]
    assert program.ok("graph", shop, "--central", "--json").json["nodes"][0]["rank"] > 0


def test_a_part_of_it(program: Program, shop: Path) -> None:
    """A folder, folders in place of files, the most tied, without tests."""
    assert "web/" not in program.ok("graph", shop / "shop").out
    assert program.ok("graph", shop, "--folders").out == "tests -> shop\n"
    assert "tests/" not in program.ok("graph", shop, "--no-tests").out
    fewer = program.ok("graph", shop, "-n", "2")
    assert fewer.out == "shop/cart.py -> shop/prices.py\n"
    assert "2 files, 1 import of 5: raise -n for more" in fewer.err


def test_what_is_wrong_is_told(program: Program, shop: Path) -> None:
    """Nothing to draw, a folder without files, a number out of range."""
    (shop / "empty").mkdir()
    ended = program.run("graph", shop / "empty")
    assert (ended.code, ended.out) == (ERROR, "")
    assert "has no file below empty" in ended.err
    for target, said in ((shop, "is a folder"), (shop / "no" / "graph.html", "there is no folder"), ("", "is empty")):
        ended = program.run("graph", shop, "-o", target)
        assert (ended.code, ended.out) == (ERROR, "")
        assert said in ended.err
        assert "hint:" in ended.err
    assert program.ok("graph", shop, "-o", "-").out == program.ok("graph", shop).out
    assert "-n is 0; it must be between 1 and 2000" in program.run("graph", shop, "-n", "0").err
    for path in FILES:
        if path != "lonely.py":
            (shop / path).unlink()
    program.ok("index", shop)
    ended = program.run("graph", shop)
    assert (ended.code, ended.out, ended.err) == (NOTHING, "", "no file here imports another one\n")


def test_names_of_files_mean_nothing_to_a_reader(program: Program, tree: Path) -> None:
    """Neither to a browser nor to Mermaid nor to Graphviz."""
    path = tree / HOSTILE
    path.parent.mkdir(parents=True)
    path.write_text("import '../../util.js'\n")
    (tree / "web/util.js").write_text("export const one = 1\n")
    program.ok("index", tree)
    page = program.ok("graph", tree, "-f", "html").out
    assert page.count("<script") == page.count("</script>") == 2
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert {node["path"] for node in json.loads(data[1])["nodes"]} == {HOSTILE, "web/util.js"}
    chart = program.ok("graph", tree, "-f", "mermaid").out
    [line] = [line for line in chart.splitlines() if "alert" in line]
    label = re.fullmatch(r'  n\d\["([\w./ #;-]+)"\]', line)
    assert label is not None
    assert html.unescape(label[1].replace("#", "&#")) == HOSTILE
    assert '\\"];click' in program.ok("graph", tree, "-f", "dot").out


@dataclass(frozen=True, slots=True)
class Opened:
    """A page in a browser, and what it asked for and logged."""

    page: Page
    asked: list[str]
    said: list[str]


def test_a_page_that_is_left_in_the_tree_is_no_code_of_it(program: Program, shop: Path) -> None:
    program.ok("graph", shop, "-f", "html", "-o", shop / "graph.html")
    report = program.ok("index", shop, "--json").json
    assert {"path": "graph.html", "reason": "generated"}.items() <= next(
        item for item in report["skipped"] if item["path"] == "graph.html"
    ).items()


@pytest.fixture
def opened(program: Program, shop: Path, tmp_path: Path) -> Iterator[Opened]:
    """The graph of the tree in Chromium, which logs no error and fetches nothing."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- installed for the slow tests alone

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "the slow tests need Chromium: make test-slow installs it on Debian"
    file = tmp_path / "graph.html"
    program.ok("graph", shop, "-f", "html", "-o", file)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        found = Opened(page, [], [])
        page.on("console", lambda message: found.said.append(message.text))
        page.on("pageerror", lambda error: found.said.append(str(error)))
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(file.as_uri())
        yield found
        assert found.said == []
        assert found.asked == [file.as_uri()]
        browser.close()


@pytest.mark.slow
def test_the_page_draws_finds_and_filters(opened: Opened) -> None:
    """Every file apart from the others, in view; what is searched stands out, what is unticked is gone."""
    page = opened.page
    nodes = page.locator("g.node")
    assert nodes.count() == 6
    assert page.locator("#edges line").count() == 5
    assert "6 files of 7, 5 imports of 5" in page.inner_text("#told")
    boxes = [nodes.nth(place).locator("circle").bounding_box() for place in range(6)]
    centres = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]
    assert len({(round(x), round(y)) for x, y in centres}) == 6
    assert all(360 < x < 1200 and 0 < y < 800 for x, y in centres), centres

    page.fill("#search", "CART")
    assert page.inner_text("#found") == "2 matches"
    assert page.locator("g.node:not(.dim)").count() == 2
    page.fill("#search", "")

    page.get_by_label("web (2)").uncheck()
    assert page.locator("g.node:not(.hidden)").count() == 4
    assert page.locator("#edges line:not(.hidden)").count() == 4


@pytest.mark.slow
def test_the_page_is_clicked_and_moved(opened: Opened) -> None:
    """A file says what it imports and what imports it; the picture zooms, moves and fits again."""
    page = opened.page
    page.locator('g.node[data-path="shop/cart.py"] circle').click()
    assert page.inner_text("#chosen").split("\n")[0] == "shop/cart.py"
    assert page.locator("#chosen li").all_inner_texts() == ["shop/prices.py", "shop/stock.py", "tests/test_cart.py"]
    assert page.locator("line.near").count() == 3
    page.locator("#chosen li button", has_text="tests/test_cart.py").click()
    assert page.locator("#chosen li").all_inner_texts() == ["shop/cart.py"]
    page.keyboard.press("Escape")
    assert page.inner_text("#chosen") == ""

    before = page.locator("#all").get_attribute("transform")
    page.get_by_label("Zoom in").click()
    nearer = page.locator("#all").get_attribute("transform")
    page.mouse.move(800, 400)
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(200)
    assert len({before, nearer, page.locator("#all").get_attribute("transform")}) == 3
    page.mouse.move(900, 700)
    page.mouse.down()
    page.mouse.move(800, 600)
    page.mouse.up()
    page.get_by_role("button", name="Fit").click()
    assert page.locator("#all").get_attribute("transform") == before


def test_a_module_of_rust_is_where_its_attribute_places_it(program: Program, tree: Path) -> None:
    """What it imports relatively is of the module around it, and its own modules are beside it."""
    for path, text in {
        "Cargo.toml": '[package]\nname = "kit"\nversion = "1.0.0"\n',
        "src/lib.rs": "pub mod net;\n",
        "src/net.rs": '#[cfg(test)]\n#[path = "checks/net_checks.rs"]\nmod checks;\n\npub struct Socket;\n',
        "src/checks/net_checks.rs": "mod data;\n\nuse super::Socket;\n\npub fn check(_: Socket) {}\n",
        "src/checks/data.rs": "pub const ONE: u8 = 1;\n",
    }.items():
        (tree / path).parent.mkdir(exist_ok=True, parents=True)
        (tree / path).write_text(text)
    program.ok("index", tree)
    assert program.ok("graph", tree).out.splitlines() == [
        "src/checks/net_checks.rs -> src/checks/data.rs",
        "src/checks/net_checks.rs -> src/net.rs",
        "src/lib.rs -> src/net.rs",
        "src/net.rs -> src/checks/net_checks.rs",
    ]
