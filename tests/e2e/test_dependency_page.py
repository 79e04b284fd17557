# SPDX-License-Identifier: FSL-1.1-MIT
"""The page of dependencies across repositories, in a real browser."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conexus.cli.dependency_page import page as page_of
from conexus.types import DependencyEdge, DependencyGraph, DependencyNode, RepoId, Thing, ThingKind, TieKind

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
HOSTILE = 'x"><img src=x onerror=alert(1)></script><script>alert(1)</script>.py'


def graph_of(repositories: int, files: int, edges: int, seed: int = 5) -> DependencyGraph:
    """Repositories with packages and files that import each other."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    nodes, ties = [], []
    packages, repos, places = [], [], []
    for number in range(repositories):
        repo = RepoId(f"example.org/acme/service-{number}")
        root = f"/srv/code/service-{number}"
        repos.append(len(nodes))
        nodes.append(DependencyNode(Thing(ThingKind.REPOSITORY, repo, repo, root)))
        packages.append(len(nodes))
        ecosystem = ("npm", "pypi", "go")[number % 3]
        nodes.append(
            DependencyNode(Thing(ThingKind.PACKAGE, f"service-{number}", repo, root, ecosystem=ecosystem), "1.2.0")
        )
        ties.append(DependencyEdge(packages[-1], repos[-1], TieKind.PROVIDES, path="package.json", line=2))
        for file in range(files):
            places.append(len(nodes))
            path = HOSTILE if number == file == 0 else f"src/part_{file}.py"
            nodes.append(DependencyNode(Thing(ThingKind.FILE, path, repo, root, path)))
    for number in range(1, repositories):
        for other in {chance.randrange(number) for _ in range(3)}:
            scope = chance.choice(["runtime", "development"])
            ties.append(DependencyEdge(repos[number], packages[other], TieKind.REQUIRES, scope=scope, detail="^1.0"))
    while len(ties) < edges:
        one = chance.choice(places)
        number = one // (files + 2)
        if chance.random() < 0.1:  # the others that it imports are few
            number = max(0, number - chance.choice([1, 2, 3, 10]))
        two = places[number * files + chance.randrange(files)]
        if one != two:
            ties.append(DependencyEdge(one, two, TieKind.IMPORTS, path="src/part.py", line=3))
    return DependencyGraph(tuple(nodes), tuple(ties), len(nodes), len(ties))


@dataclass(frozen=True, slots=True)
class Opened:
    """A page in a browser, and what it asked for and said."""

    page: Page
    asked: list[str]
    said: list[str]


@contextmanager
def opened(text: str, folder: Path, scheme: str = "light") -> Iterator[Opened]:
    """Open a page in Chromium; it may log nothing and fetch nothing."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- installed for the slow tests alone

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "the slow tests need Chromium: make test-slow installs it on Debian"
    file = folder / "graph.html"
    file.write_text(text, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
        found = Opened(page, [], [])
        page.on("console", lambda message: found.said.append(message.text))
        page.on("pageerror", lambda error: found.said.append(str(error)))
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_function("document.getElementById('picture').dataset.cost")
        yield found
        assert found.said == []
        assert found.asked == [file.as_uri()]
        browser.close()


def shades(page: Page) -> int:
    """How many colours the picture has: one where nothing is drawn."""
    return int(
        page.evaluate(
            "() => { const c = document.getElementById('picture'); const t = document.createElement('canvas');"
            " t.width = c.width; t.height = c.height; const p = t.getContext('2d', { willReadFrequently: true });"
            " p.drawImage(c, 0, 0); const d = p.getImageData(0, 0, c.width, c.height).data; const s = new Set();"
            " for (let i = 0; i < d.length; i += 4)"
            " if (d[i + 3]) s.add((d[i] >> 4) * 256 + (d[i + 1] >> 4) * 16 + (d[i + 2] >> 4)); return s.size; }"
        )
    )


def lines(page: Page) -> int:
    """How many lines are drawn."""
    return int(page.evaluate("Number(document.getElementById('picture').dataset.lines)"))


def settle(page: Page) -> None:
    """Wait until the picture is drawn anew."""
    page.evaluate(
        "() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 160))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_small_graph(tmp_path: Path, scheme: str) -> None:  # noqa: PLR0915 -- one story
    """It is drawn, searched, filtered, opened and closed, by the mouse and by keys; names are never markup."""
    with opened(page_of(graph_of(8, 4, 60), "Dependencies"), tmp_path, scheme) as found:
        page = found.page
        assert shades(page) > 5
        page.screenshot(path=str(tmp_path / f"small-{scheme}.png"))
        page.get_by_label("Find a repository, package or file").fill("img src")
        assert page.get_by_text("1 match", exact=True).is_visible()
        page.keyboard.press("Enter")
        assert page.locator("#chosen h2").inner_text().startswith('service-0:x"><img')
        assert page.locator("#chosen img, #matches img").count() == 0
        link = page.locator("#chosen p a, #chosen > a").first
        assert str(link.get_attribute("href")).startswith("vscode://file/srv/code/service-0/")
        page.keyboard.press("Escape")
        assert page.locator("#chosen h2").count() == 0
        page.get_by_label("Find a repository, package or file").fill("")
        page.get_by_role("button", name="Close all").click()
        settle(page)
        few = lines(page)
        page.get_by_role("button", name="Open all").click()
        settle(page)
        many = lines(page)
        assert 0 < few < many
        page.get_by_label("requires").uncheck()
        settle(page)
        assert lines(page) < many
        page.get_by_label("requires").check()
        page.get_by_label("development").uncheck()
        settle(page)
        assert lines(page) < many
        page.get_by_label("development").check()
        page.get_by_label("npm").uncheck()
        settle(page)
        assert lines(page) < many
        page.get_by_label("npm").check()
        page.get_by_text("Repositories", exact=True).click()
        page.get_by_label("example.org/acme/service-1 (", exact=False).uncheck()
        settle(page)
        assert lines(page) < many
        page.get_by_label("example.org/acme/service-1 (", exact=False).check()
        page.get_by_role("button", name="Find example.org/acme/service-2").click()
        assert page.locator("#chosen h2").inner_text() == "example.org/acme/service-2"
        page.get_by_role("button", name="Close", exact=True).click()
        assert page.get_by_role("button", name="Open", exact=True).is_visible()
        canvas = page.get_by_role("application")
        canvas.focus()
        page.keyboard.press("Enter")
        assert page.get_by_role("button", name="Close", exact=True).is_visible()
        before = page.evaluate("JSON.stringify(view)")
        for key in ("ArrowLeft", "+", "-", "0"):
            page.keyboard.press(key)
        settle(page)
        assert page.evaluate("JSON.stringify(view)") != before
        page.mouse.move(900, 400)
        page.mouse.wheel(0, -300)
        page.mouse.down()
        page.mouse.move(960, 460)
        page.mouse.up()
        settle(page)
        assert shades(page) > 5


def test_a_hundred_repositories_and_fifty_thousand_ties(tmp_path: Path) -> None:
    """Repositories come first; all of it is drawn within half a second, and moves without being drawn anew."""
    with opened(page_of(graph_of(100, 40, 50_000), "Dependencies"), tmp_path) as found:
        page = found.page
        page.screenshot(path=str(tmp_path / "closed.png"))
        assert lines(page) < 2_000
        assert float(page.evaluate("Number(document.getElementById('picture').dataset.cost)")) < 500
        page.get_by_role("button", name="Open all").click()
        settle(page)
        page.screenshot(path=str(tmp_path / "open.png"))
        assert lines(page) > 30_000
        frames = page.evaluate(
            "async () => { let frames = 0; const begun = performance.now(); while (performance.now() - begun < 1000) {"
            " pan(3, 2); await new Promise(requestAnimationFrame); frames += 1; } return frames; }"
        )
        assert frames >= 10, frames
        page.get_by_role("button", name="Close all").click()
        page.get_by_label("Find a repository, package or file").fill("service-42")
        page.keyboard.press("Enter")
        settle(page)
        page.screenshot(path=str(tmp_path / "found.png"))
        assert page.locator("#chosen h2").inner_text() == "example.org/acme/service-42"
