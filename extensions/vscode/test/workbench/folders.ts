// SPDX-License-Identifier: FSL-1.1-MIT
/** Folders and trees that lie in each other, a workspace behind a link, a folder that is not indexed beside one that is. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

const LIBRARY = { "loans.py": 'def fine_of_a_late_loan(days):\n    """What a reader pays for a book that is late."""\n    return days * 0.5\n' };

export const NESTED: Group = {
  name: "nested",
  prepare: (machine) => {
    machine.ok("index", machine.repository("shop", SHOP));
    machine.ok("index", machine.repository("library", LIBRARY));
    const parent = path.join(machine.root, "src");
    machine.write(parent, { "notes.md": "# Notes\n\nHow the whole company works together.\n" });
    return { open: parent };
  },
  scenarios: [
    [
      "repositories in an opened folder are found, before and after the folder itself is indexed",
      async ({ bench, folder, machine }) => {
        await bench.settled("Conexus: indexed");
        const view = await bench.search("what a reader pays for a late book");
        await view.locator(".file .name", { hasText: "loans.py" }).waitFor();
        await bench.run("Conexus: Index This Workspace");
        await bench.until(() => (JSON.parse(machine.ok("repos", "list", "--json")) as { repositories: { root: string }[] }).repositories.some((one) => one.root === folder), "the folder is indexed", 60_000);
        await bench.settled("Conexus: indexed");
        for (const [query, file] of [["what a reader pays for a late book", "loans.py"], ["hash a password with salt", "passwords.py"], ["how the whole company works", "notes.md"]] as const) {
          await bench.search(query);
          await view.locator(".file .name", { hasText: file }).waitFor();
        }
      },
    ],
  ],
};

export const LINKED: Group = {
  name: "linked",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    const link = path.join(machine.root, "link");
    fs.symlinkSync(folder, link);
    return { open: link, settings: { "conexus.codeLens.enabled": true } };
  },
  scenarios: [
    [
      "a result opens the file that the workspace has; callers and similar code are known by its place",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed");
        await bench.openFile("retry.py");
        await bench.page.locator(".codelens-decoration", { hasText: /caller/ }).first().waitFor({ timeout: 60_000 });
        const view = await bench.search("call again with exponential delays");
        await view.locator(".whole", { hasText: "retry.py" }).locator(".result").first().click();
        await bench.line(4);
        assert.equal((await bench.tabs()).length, 1);
        await bench.run("Conexus: Find Similar Code"); // nothing is selected: by its place alone
        await view.locator("#about", { hasText: "Code like shop/retry.py:4" }).waitFor();
      },
    ],
  ],
};

export const PARTLY: Group = {
  name: "partly",
  prepare: (machine) => {
    const shop = machine.repository("shop", SHOP);
    const library = machine.repository("library", LIBRARY);
    machine.ok("index", shop);
    machine.write(machine.root, { "both.code-workspace": JSON.stringify({ folders: [{ path: shop }, { path: library }] }) });
    return { open: path.join(machine.root, "both.code-workspace") };
  },
  scenarios: [
    [
      "a folder that is not indexed is told beside one that is, and indexed by the button",
      async ({ bench }) => {
        await bench.settled("Conexus: partly indexed");
        const view = await bench.openView();
        await view.locator("#notice", { hasText: "Not indexed: library" }).waitFor();
        await bench.search("hash a password");
        await view.click("#notice button");
        await bench.settled("Conexus: indexed", 60_000);
        await bench.search("what a reader pays for a late book");
        await view.locator(".file .name", { hasText: "loans.py" }).waitFor();
      },
    ],
  ],
};

export const ON_OPEN: Group = {
  name: "on-open",
  prepare: async (machine, tools) => ({ ...(await PARTLY.prepare(machine, tools)), settings: { "conexus.index.onOpen": true } }),
  scenarios: [
    [
      "what is not indexed of a workspace is indexed when it is opened",
      async ({ bench, machine }) => {
        await bench.until(() => machine.ok("repos", "list").includes("library"), "the library is indexed", 60_000);
        await bench.settled("Conexus: indexed");
      },
    ],
  ],
};
