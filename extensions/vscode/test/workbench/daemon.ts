// SPDX-License-Identifier: FSL-1.1-MIT
/** The daemon comes and goes; jobs, the repositories view, the menu, the report. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { SHOP } from "./machine";
import { type Group, textsBelow } from "./scenario";

const SECRET_QUESTION = "where is the zanzibar rebate computed";

export const DAEMON: Group = {
  name: "daemon",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    return { open: folder };
  },
  scenarios: [
    [
      "a daemon that is killed is started again, and the next search works",
      async ({ bench, machine }) => {
        await bench.settled("Conexus: indexed");
        await bench.search("hash a password");
        const { pid } = machine.daemon();
        process.kill(pid, "SIGKILL");
        const view = await bench.search("call again with exponential delays");
        await view.locator(".file .name", { hasText: "retry.py" }).waitFor({ timeout: 60_000 });
        await bench.settled("Conexus: indexed");
        assert.notEqual(machine.daemon().pid, pid);
      },
    ],
    [
      "a daemon that another program restarts on another port is found",
      async ({ bench, machine }) => {
        const before = machine.daemon();
        machine.ok("daemon", "restart");
        assert.notEqual(machine.daemon().http, before.http);
        const view = await bench.search("hash a password");
        await view.locator(".file .name", { hasText: "passwords.py" }).waitFor({ timeout: 60_000 });
      },
    ],
    [
      "who stops the daemon has it stopped, and starts it by the menu",
      async ({ bench, machine }) => {
        await bench.run("Conexus: Stop the Daemon");
        await bench.settled("no daemon");
        await bench.page.waitForTimeout(5_000);
        assert.equal(machine.run("daemon", "status").code, 1);
        const view = await bench.openView();
        await view.locator("#notice button", { hasText: "Start the Daemon" }).waitFor();
        await bench.status().click();
        await bench.rows("Start the Daemon").click();
        await bench.settled("Conexus: indexed");
      },
    ],
    [
      "the menu of the status item offers what can be done",
      async ({ bench, picture }) => {
        await bench.status().click();
        await bench.rows("Search Code…").waitFor();
        for (const row of ["Index This Workspace", "Show the Edition and Its Limits", "Restart the Daemon", "Report a Problem…"]) {
          assert.equal(await bench.rows(row).count(), 1, row);
        }
        await picture("menu");
        await bench.page.keyboard.press("Escape");
      },
    ],
    [
      "the repositories view shows size and freshness, and indexes again",
      async ({ bench }) => {
        await bench.openView();
        const row = bench.page.locator(".pane-body .monaco-list-row", { hasText: /shop.*7 files · \d+\.\d MB · / });
        await row.waitFor();
        await row.hover();
        await row.locator('[aria-label^="Index a Repository Again"]').click();
        await bench.page.locator(".statusbar-item", { hasText: "shop is indexed: 7 files" }).waitFor();
      },
    ],
    [
      "a repository is removed after a question, and indexed anew",
      async ({ bench, machine }) => {
        await bench.run("Conexus: Remove a Repository from the Index…");
        await bench.rows("shop").first().click();
        await bench.dialog().getByText("Remove shop from the index?").waitFor();
        await bench.dialog().locator(".monaco-button", { hasText: "Cancel" }).click();
        assert.match(machine.ok("repos", "list"), /shop/);
        await bench.run("Conexus: Remove a Repository from the Index…");
        await bench.rows("shop").first().click();
        await bench.dialog().locator(".monaco-button", { hasText: "Remove" }).click();
        await bench.settled("not indexed");
        await bench.run("Conexus: Index This Workspace");
        await bench.settled("Conexus: indexed");
      },
    ],
    [
      "a report of a problem holds facts, but no code, question, name or token",
      async ({ bench, machine, folder }) => {
        await bench.search(SECRET_QUESTION);
        await bench.run("Conexus: Report a Problem…");
        await bench.page.locator(".tab.active", { hasText: /Untitled/ }).waitFor();
        await bench.page.locator(".editor-group-container.active .view-lines", { hasText: "A problem with Conexus" }).waitFor();
        await bench.page.locator(".editor-group-container.active .view-lines").click();
        await bench.page.keyboard.press("Control+a");
        await bench.page.keyboard.press("Control+c");
        const text = await bench.clipboard();
        assert.match(text, /\| extension \| 0\.1\.0 \|/);
        assert.match(text, /\| edition \| community, 1 of 5 repositories \|/);
        assert.match(text, /search: ok, \d+ ms/);
        for (const secret of ["zanzibar", "hash_password", "billing", "shop", folder, machine.root, machine.token()]) {
          assert.ok(!text.includes(secret), secret);
        }
        await bench.run("View: Revert and Close Editor");
      },
    ],
    [
      "the token is in no setting, state or log of editor and daemon",
      ({ machine }) => {
        const token = machine.token();
        const files = ["data", "srv", "share"].flatMap((folder) => textsBelow(path.join(machine.root, folder)));
        const holding = files.filter(([, text]) => text.includes(token)).map(([file]) => path.basename(file));
        assert.deepEqual(holding, ["daemon.token"]);
        return Promise.resolve();
      },
    ],
    [
      "every command is in the palette",
      async ({ bench }) => {
        const manifest = JSON.parse(fs.readFileSync("package.nls.json", "utf-8")) as Record<string, string>;
        const titles = Object.entries(manifest).filter(([key]) => key.startsWith("command."));
        await bench.openFile("retry.py");
        await bench.page.keyboard.press("F1");
        for (const [, title] of titles) {
          await bench.picker().fill(`>Conexus: ${title}`);
          await bench.rows(`Conexus: ${title}`).first().waitFor();
        }
        assert.ok(titles.length >= 30);
        await bench.page.keyboard.press("Escape");
      },
    ],
    [
      "the output channel opens",
      async ({ bench }) => {
        // Its lines cannot be looked at here: the editor's logger is a native module, which is not compiled.
        await bench.run("Conexus: Show Output");
        await bench.page.locator(".part.panel .composite.title", { hasText: "Output" }).waitFor();
      },
    ],
  ],
};
