// SPDX-License-Identifier: FSL-1.1-MIT
/** The search view and the quick search: filters, keys, history, preview. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import type { Frame } from "playwright-core";

import { SHOP } from "./machine";
import type { Group } from "./scenario";
import type { Workbench } from "./workbench";

const TAX = "add value added tax to a bill";

async function names(view: Frame): Promise<string[]> {
  return view.locator(".file .name").allInnerTexts();
}

/** Sets filters, and waits for the answer to the question that stands there. */
async function filtered(bench: Workbench, query: string, set: (view: Frame) => Promise<unknown>): Promise<string[]> {
  const view = await bench.view();
  await view.evaluate(() => document.querySelector("#filters")?.setAttribute("open", ""));
  await set(view);
  await bench.search(query);
  return names(view);
}

async function unfiltered(bench: Workbench): Promise<void> {
  const view = await bench.view();
  await view.selectOption("#where", "workspace");
  await view.selectOption("#language", "");
  await view.selectOption("#kind", "");
  await view.setChecked("#tests", true);
  await view.fill("#path", "");
  await view.press("#path", "Tab"); // what is changed is searched for
  await bench.page.waitForTimeout(400);
}

/** Walks down a quick search, and leaves it by Escape. */
async function walk(bench: Workbench, rows = 2): Promise<void> {
  await bench.quickSearch();
  await bench.picker().fill("hash a password with salt");
  await bench.rows("passwords.py").first().waitFor();
  await bench.page.locator('.tab.active[data-resource-name="passwords.py"]').waitFor();
  await bench.page.waitForTimeout(1_000);
  for (let row = 0; row < rows; row++) {
    await bench.picker().press("ArrowDown");
    await bench.page.waitForTimeout(500);
  }
  await bench.page.keyboard.press("Escape");
  await bench.page.waitForTimeout(500);
}

/** Opens the changes of a file, in a preview tab. */
async function diffOf(bench: Workbench, name: string): Promise<void> {
  await bench.openFile(name);
  await bench.run("Git: Open Changes");
  await bench.page.locator(".editor-group-container.active .monaco-diff-editor").waitFor();
}

/** Changes settings of the user. */
function setUser(bench: Workbench, settings: Record<string, unknown>): void {
  const file = path.join(bench.data, "User", "settings.json");
  fs.writeFileSync(file, JSON.stringify({ ...(JSON.parse(fs.readFileSync(file, "utf-8")) as Record<string, unknown>), ...settings }));
}

export const SEARCHING: Group = {
  name: "searching",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    const other = machine.repository("library", {
      "loans.py": 'def fine_of_a_late_loan(days):\n    """What a reader pays for a book that is late."""\n    return days * 0.5\n',
    });
    machine.ok("index", folder);
    machine.ok("index", other);
    return { open: folder };
  },
  scenarios: [
    [
      "a workspace that is indexed is known as such",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed");
        await bench.openView();
      },
    ],
    [
      "only the workspace is searched, unless all is asked for",
      async ({ bench }) => {
        const query = "what a reader pays for a late book";
        assert.ok(!(await filtered(bench, query, () => Promise.resolve())).includes("loans.py"));
        const all = await filtered(bench, query, (view) => view.selectOption("#where", "all"));
        assert.equal(all[0], "loans.py");
      },
    ],
    [
      "filter by repository",
      async ({ bench }) => {
        const found = await filtered(bench, TAX, (view) => view.selectOption("#where", { label: "library" }));
        assert.deepEqual(found, ["loans.py"]);
        await unfiltered(bench);
      },
    ],
    [
      "filter by language",
      async ({ bench }) => {
        const found = await filtered(bench, "basket", (view) => view.selectOption("#language", "typescript"));
        assert.deepEqual(found, ["basket.ts"]);
        await unfiltered(bench);
      },
    ],
    [
      "filter by kind",
      async ({ bench }) => {
        const found = await filtered(bench, TAX, (view) => view.selectOption("#kind", "class"));
        assert.deepEqual(found, ["checkout.py"]);
        await unfiltered(bench);
      },
    ],
    [
      "filter by tests",
      async ({ bench }) => {
        assert.ok((await filtered(bench, TAX, () => Promise.resolve())).includes("test_billing.py"));
        const found = await filtered(bench, TAX, (view) => view.uncheck("#tests"));
        assert.ok(found.includes("billing.py") && !found.includes("test_billing.py"), found.join());
        await unfiltered(bench);
      },
    ],
    [
      "filter by path",
      async ({ bench }) => {
        const found = await filtered(bench, TAX, (view) => view.fill("#path", "web/**, *.md"));
        assert.deepEqual(found.sort(), ["basket.ts", "guide.md"]);
        await unfiltered(bench);
      },
    ],
    [
      "groups fold, and keys walk through them",
      async ({ bench }) => {
        const view = await bench.search(TAX);
        await view.press("#query", "ArrowDown");
        const expanded = (): Promise<string | null> => view.evaluate(() => document.activeElement?.getAttribute("aria-expanded") ?? null);
        assert.equal(await expanded(), "true");
        await bench.page.keyboard.press("ArrowLeft");
        assert.equal(await expanded(), "false");
        assert.equal(await view.locator(".group").first().isVisible(), false);
        await bench.page.keyboard.press("ArrowRight");
        await bench.page.keyboard.press("End");
        assert.equal(await view.evaluate(() => document.activeElement?.classList.contains("result")), true);
        await bench.page.keyboard.press("Home");
        await bench.page.keyboard.press("ArrowUp");
        assert.equal(await view.evaluate(() => document.activeElement?.id), "query");
      },
    ],
    [
      "Space shows a result, and the keys stay in the list; Ctrl+Enter opens to the side",
      async ({ bench }) => {
        const view = await bench.search("call again with exponential delays");
        await view.press("#query", "ArrowDown");
        await bench.page.keyboard.press("ArrowDown");
        await bench.page.keyboard.press("Space");
        await bench.page.locator('.tab[data-resource-name="retry.py"]').waitFor();
        assert.equal(await view.evaluate(() => document.activeElement?.classList.contains("result")), true);
        await bench.page.keyboard.press("Control+Enter");
        await bench.page.locator(".editor-group-container").nth(1).waitFor();
        await bench.line(4);
        await bench.run("View: Close All Editors");
      },
    ],
    [
      "next and previous result by commands",
      async ({ bench }) => {
        await bench.search(TAX);
        await bench.run("Conexus: Go to Next Result");
        await bench.activeFile("billing.py");
        await bench.run("Conexus: Go to Next Result");
        await bench.page.locator('.tab.active:not([data-resource-name="billing.py"])').waitFor();
        await bench.run("Conexus: Go to Previous Result");
        await bench.activeFile("billing.py");
      },
    ],
    [
      "a result of a file that has changed since opens where the code is now",
      async ({ bench, folder }) => {
        const view = await bench.search("compare a password in constant time");
        const file = path.join(folder, "shop", "passwords.py");
        fs.writeFileSync(file, `${"# a line more\n".repeat(40)}${fs.readFileSync(file, "utf-8")}`);
        const result = view.locator(".whole", { hasText: "passwords.py" }).locator(".result").first();
        const line = Number(await result.locator(".line").innerText());
        await result.click();
        await bench.activeFile("passwords.py");
        await bench.line(line + 40);
      },
    ],
    [
      "Ctrl+Alt+F searches while one types, and Enter opens at the line",
      async ({ bench, picture }) => {
        await bench.quickSearch();
        await bench.picker().pressSequentially("call again with exponential delays", { delay: 30 });
        await bench.rows("with_backoff").first().waitFor();
        await bench.page.locator('.tab.active[data-resource-name="retry.py"]').waitFor();
        await bench.page.waitForTimeout(500);
        await picture("quick-search");
        await bench.page.keyboard.press("Enter");
        await bench.activeFile("retry.py");
        await bench.line(4);
      },
    ],
    [
      "the file of the chosen row is shown, and Escape brings back what was there",
      async ({ bench }) => {
        await bench.openFile("basket.ts");
        await bench.goTo(7);
        await bench.quickSearch();
        await bench.picker().pressSequentially("hash a password with salt", { delay: 20 });
        await bench.rows("passwords.py").first().waitFor();
        await bench.page.locator('.tab.active[data-resource-name="passwords.py"]').waitFor();
        assert.equal(await bench.picker().isVisible(), true);
        await bench.page.waitForTimeout(1_500); // the answer to the last letter
        await bench.picker().press("ArrowDown");
        await bench.page.locator('.tab.active:not([data-resource-name="passwords.py"])').waitFor();
        await bench.page.waitForTimeout(300);
        await bench.page.keyboard.press("Escape");
        await bench.activeFile("basket.ts");
        await bench.line(7);
        await bench.page.keyboard.press("Escape");
      },
    ],
    [
      "Escape brings back a diff in a preview tab, several cursors, and the focus in the view",
      async ({ bench, folder }) => {
        await bench.run("View: Close All Editors");
        await bench.openFile("billing.py");
        await bench.goTo(6);
        await bench.run("Add Cursor Below");
        const cursors = bench.page.locator('.statusbar-item[id="status.editor.selection"]');
        await cursors.filter({ hasText: "2 selections" }).waitFor();
        await walk(bench);
        await bench.activeFile("billing.py");
        await cursors.filter({ hasText: "2 selections" }).waitFor();
        assert.equal((await bench.tabs()).length, 1);
        await bench.page.keyboard.press("Escape");
        fs.appendFileSync(path.join(folder, "web", "basket.ts"), "// more\n");
        await bench.run("View: Close All Editors");
        await bench.openFile("guide.md");
        await bench.run("View: Keep Editor");
        await diffOf(bench, "basket.ts");
        const before = await bench.tabs();
        await walk(bench);
        await bench.until(async () => JSON.stringify(await bench.tabs()) === JSON.stringify(before), `${before.join()} is back`);
        await bench.page.locator(".editor-group-container.active .monaco-diff-editor").waitFor();
        const view = await bench.search(TAX);
        await view.focus("#query");
        await walk(bench);
        await bench.until(async () => JSON.stringify(await bench.tabs()) === JSON.stringify(before), `${before.join()} is back`);
        await bench.until(() => view.evaluate(() => document.hasFocus() && document.activeElement?.id === "query"), "the focus is in the view");
        await bench.run("View: Close All Editors");
      },
    ],
    [
      "where the editor keeps every tab, only what was there is left",
      async ({ bench }) => {
        setUser(bench, { "workbench.editor.enablePreview": false });
        await bench.page.waitForTimeout(1_500);
        await bench.openFile("guide.md");
        await walk(bench, 4);
        await bench.until(async () => (await bench.tabs()).length === 1, "one tab is left");
        await bench.activeFile("guide.md");
        await bench.quickSearch();
        await bench.picker().fill("hash a password with salt");
        await bench.page.locator('.tab.active[data-resource-name="passwords.py"]').waitFor();
        await bench.page.waitForTimeout(1_000);
        await bench.picker().press("ArrowDown");
        await bench.page.locator('.tab.active:not([data-resource-name="passwords.py"])').waitFor();
        await bench.page.waitForTimeout(500);
        await bench.page.keyboard.press("Enter");
        await bench.until(async () => (await bench.tabs()).length === 2, "the file and the one that was there");
        await bench.run("View: Close All Editors");
        setUser(bench, { "workbench.editor.enablePreview": true });
      },
    ],
    [
      "filters outlive the daemon, and a draft outlives the arrow key",
      async ({ bench, machine }) => {
        const view = await bench.openView();
        await view.evaluate(() => document.querySelector("#filters")?.setAttribute("open", ""));
        await view.selectOption("#where", { label: "library" });
        await view.selectOption("#language", "python");
        const chosen = (): Promise<string[]> => view.evaluate(() => ["where", "language"].map((id) => document.querySelector<HTMLSelectElement>(`#${id}`)?.value ?? ""));
        const before = await chosen();
        process.kill(machine.daemon().pid, "SIGKILL");
        await bench.status("Conexus: indexed").waitFor({ state: "detached" });
        assert.deepEqual(await chosen(), before);
        await bench.settled("Conexus: indexed");
        await bench.page.waitForTimeout(500);
        assert.deepEqual(await chosen(), before);
        await unfiltered(bench);
        await bench.search("the fee of the provider");
        await view.fill("#query", "a draft that was not sent");
        await view.press("#query", "ArrowUp");
        assert.equal(await view.inputValue("#query"), "the fee of the provider");
        await view.press("#query", "ArrowDown");
        assert.equal(await view.inputValue("#query"), "a draft that was not sent");
      },
    ],
    [
      "a question that is too long is told, and a file that became a link is not followed",
      async ({ bench, machine, folder }) => {
        const view = await bench.openView();
        await view.fill("#query", "x y ".repeat(2500));
        await view.press("#query", "Enter");
        await view.locator("#said", { hasText: "too long" }).waitFor();
        await bench.search("call again with exponential delays");
        const file = path.join(folder, "shop", "retry.py");
        const text = fs.readFileSync(file);
        fs.rmSync(file);
        machine.write(machine.root, { "outside.txt": "OUTSIDE\n" });
        fs.symlinkSync(path.join(machine.root, "outside.txt"), file);
        await view.locator(".whole", { hasText: "retry.py" }).locator(".result").first().click();
        await bench.page.locator(".statusbar-item", { hasText: "link out of its repository" }).waitFor();
        await bench.page.locator(".editor-group-container.active .view-lines", { hasText: "with_backoff" }).waitFor();
        fs.rmSync(file);
        fs.writeFileSync(file, text);
        await bench.run("View: Close All Editors");
      },
    ],
    [
      "context is copied under the filters of the view",
      async ({ bench }) => {
        const view = await bench.openView();
        await view.evaluate(() => document.querySelector("#filters")?.setAttribute("open", ""));
        await view.selectOption("#where", { label: "library" });
        await bench.search(TAX);
        await view.click("#copy");
        await bench.page.locator(".statusbar-item", { hasText: /Copied: \d+ piece/ }).waitFor();
        const text = await bench.clipboard();
        assert.ok(text.includes("loans.py") && !text.includes("billing.py"), text.slice(0, 300));
        await unfiltered(bench);
      },
    ],
    [
      "a question of the quick search is in the history view, and marked names make no icons",
      async ({ bench }) => {
        await bench.quickSearch();
        await bench.picker().fill("hash a password $(alert)");
        await bench.rows("passwords.py").first().waitFor();
        await bench.page.keyboard.press("Enter");
        await bench.run("Conexus: Focus on History View");
        await bench.row("hash a password $(alert)").waitFor();
        await bench.run("Conexus: Search Again…");
        await bench.rows("hash a password $(alert)").first().waitFor();
        assert.equal(await bench.rows().locator(".codicon-alert").count(), 0);
        await bench.page.keyboard.press("Escape");
      },
    ],
    [
      "questions are remembered: by the arrow key, in the history view, after a reload",
      async ({ bench }) => {
        await bench.search("the fee of the provider");
        const view = await bench.search("hash a password");
        await view.press("#query", "ArrowUp");
        await view.press("#query", "ArrowUp");
        assert.equal(await view.inputValue("#query"), "the fee of the provider");
        await bench.page.waitForTimeout(1_500); // the editor writes what it keeps once a second
        await bench.page.reload();
        await bench.settled("Conexus: indexed");
        const again = await bench.openView();
        await bench.run("Conexus: Search Again…");
        await bench.rows("hash a password").first().click();
        await again.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#query")?.value === "hash a password");
        await again.locator(".file .name", { hasText: "passwords.py" }).waitFor();
        await bench.run("Conexus: Clear Search History");
      },
    ],
  ],
};
