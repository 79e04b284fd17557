// SPDX-License-Identifier: FSL-1.1-MIT
/** Workspaces that are not trusted, and workspaces that would lead the extension elsewhere. */

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { type Machine, SHOP } from "./machine";
import type { Group } from "./scenario";

/** A server that notes who calls it. */
const evil = { asked: [] as string[], url: "", server: http.createServer() };

async function evilShop(machine: Machine): Promise<string> {
  evil.asked = [];
  evil.server = http.createServer((request, response) => {
    evil.asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ""}`);
    response.end("{}");
  });
  await new Promise<void>((resolve) => evil.server.listen(0, "127.0.0.1", resolve));
  evil.server.unref();
  evil.url = `http://127.0.0.1:${(evil.server.address() as { port: number }).port}`;
  const folder = machine.repository("shop", SHOP);
  const program = path.join(folder, "evil.sh");
  machine.write(folder, {
    "evil.sh": `#!/bin/sh\ntouch ${folder}/started\n`,
    ".vscode/settings.json": JSON.stringify({
      "conexus.daemon.url": evil.url,
      "conexus.path": program,
      "conexus.dataFolder": folder,
      "conexus.install.package": `${folder}/evil.whl`,
      "conexus.index.onOpen": true,
      "conexus.search.limit": 3,
    }),
  });
  fs.chmodSync(program, 0o755);
  return folder;
}

function untouched(folder: string): void {
  assert.deepEqual(evil.asked, []);
  assert.equal(fs.existsSync(path.join(folder, "started")), false);
}

export const RESTRICTED: Group = {
  name: "restricted",
  prepare: async (machine) => ({
    open: await evilShop(machine),
    restricted: true,
    settings: { "security.workspace.trust.enabled": true, "security.workspace.trust.startupPrompt": "never" },
  }),
  scenarios: [
    [
      "in Restricted Mode no program is started and nothing is indexed",
      async ({ bench, machine, folder }) => {
        await bench.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
        await bench.settled("no daemon");
        await bench.page.waitForTimeout(3_000);
        assert.equal(fs.existsSync(path.join(machine.dataFolder, "daemon.json")), false);
        untouched(folder);
      },
    ],
    [
      "no way in leads to an index: quick search, welcome, first steps, the view",
      async ({ bench, machine, folder }) => {
        machine.ok("daemon", "start");
        await bench.settled("not indexed");
        await bench.quickSearch();
        await bench.picker().fill("hash a password");
        await bench.rows("not indexed").filter({ hasText: "Manage Workspace Trust" }).first().click();
        await bench.page.locator(".workspace-trust-editor").waitFor();
        await bench.run("View: Close All Editors");
        const view = await bench.openView();
        await view.locator("#notice", { hasText: "In Restricted Mode nothing is indexed" }).waitFor();
        const welcome = bench.page.locator(".welcome-view-content");
        await welcome.getByText("In Restricted Mode nothing is indexed").waitFor();
        assert.equal(await welcome.locator(".monaco-button", { hasText: "Index This Workspace" }).count(), 0);
        await bench.run("Conexus: First Steps");
        const step = bench.page.locator(".getting-started-step", { hasText: "Index this workspace" });
        await step.waitFor({ timeout: 30_000 });
        await step.click();
        await step.locator(".monaco-button", { hasText: "Index This Workspace" }).click();
        await bench.notification("In Restricted Mode Conexus starts and stops no program").waitFor();
        await bench.run("Notifications: Clear All Notifications");
        await bench.page.waitForTimeout(1_200); // what is said twice at once is shown once
        await bench.page.locator(".getting-started-step", { hasText: "Have Conexus on this machine" }).click();
        await bench.page.locator(".getting-started-step .monaco-button", { hasText: "Install Conexus" }).click();
        await bench.notification("In Restricted Mode Conexus starts and stops no program").waitFor();
        assert.equal(await bench.dialog().count(), 0);
        await bench.run("Notifications: Clear All Notifications");
        await bench.run("View: Close All Editors");
        const { jobs } = JSON.parse(machine.ok("jobs", "list", "--json")) as { jobs: unknown[] };
        assert.deepEqual(jobs, []);
        untouched(folder);
      },
    ],
    [
      "a daemon that runs already is searched, and no more",
      async ({ bench, machine, folder, picture }) => {
        machine.ok("daemon", "start");
        machine.ok("index", folder);
        await bench.settled("Conexus: indexed");
        const view = await bench.search("call again with exponential delays");
        await view.locator(".file .name", { hasText: "retry.py" }).waitFor();
        await picture("restricted");
        await bench.page.keyboard.press("F1");
        await bench.picker().fill(">Conexus: Index This Workspace");
        await bench.page.waitForTimeout(700);
        assert.equal(await bench.rows("Conexus: Index This Workspace").count(), 0);
        await bench.page.keyboard.press("Escape");
        untouched(folder);
      },
    ],
    [
      "no index is removed, and no daemon started",
      async ({ bench, machine }) => {
        await bench.run("Conexus: Show the Edition and Its Limits");
        await bench.rows("Free a place").click();
        const toast = bench.notification("In Restricted Mode Conexus starts and stops no program");
        await toast.waitFor();
        await bench.press(toast, "Manage Workspace Trust");
        await bench.page.locator(".workspace-trust-editor").waitFor();
        await bench.run("View: Close All Editors");
        assert.match(machine.ok("repos", "list"), /shop/);
        machine.ok("daemon", "stop");
        await bench.settled("no daemon");
        await bench.openView();
        const welcome = bench.page.locator(".welcome-view-content");
        await welcome.getByText("In Restricted Mode none is started").waitFor();
        assert.equal(await welcome.locator(".monaco-button", { hasText: "Start the Daemon" }).count(), 0);
        machine.ok("daemon", "start");
        await bench.settled("Conexus: indexed");
      },
    ],
    [
      "once trusted all is there, and the workspace still leads nowhere",
      async ({ bench, folder }) => {
        await bench.run("Workspaces: Manage Workspace Trust");
        await bench.page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust/ }).first().click();
        await bench.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "detached" });
        await bench.settled("Conexus: indexed");
        const view = await bench.search("tax");
        assert.ok((await view.locator(".result").count()) <= 3, "a setting that is the workspace's to make does count");
        untouched(folder);
      },
    ],
  ],
};

export const TRUSTED: Group = {
  name: "trusted",
  prepare: async (machine) => ({ open: await evilShop(machine) }),
  scenarios: [
    [
      "a trusted workspace cannot say where the daemon or the program is",
      async ({ bench, machine, folder }) => {
        await bench.settled("Conexus: indexed", 90_000); // it may say that it is indexed when it is opened
        assert.ok(fs.existsSync(path.join(machine.dataFolder, "daemon.json")));
        await bench.search("tax");
        untouched(folder);
      },
    ],
  ],
};
