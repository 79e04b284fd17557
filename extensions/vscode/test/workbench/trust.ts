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
