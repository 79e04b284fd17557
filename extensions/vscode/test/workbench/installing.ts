// SPDX-License-Identifier: FSL-1.1-MIT
/** Machines on which `conexus` is somewhere else than on PATH, or nowhere. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const MISSING: Group = {
  name: "missing",
  prepare: (machine) => ({
    open: machine.repository("shop", SHOP),
    onPath: false,
    machine: { "conexus.install.package": process.env.REPOSITORY, "conexus.install.python": process.env.PYTHON },
  }),
  scenarios: [
    [
      "where none is installed that is said, with the command that would",
      async ({ bench, picture }) => {
        await bench.settled("not installed");
        const view = await bench.openView();
        await view.locator("#notice button", { hasText: "Install Conexus…" }).click();
        const dialog = bench.dialog();
        await dialog.getByText(`-m pip install --upgrade ${process.env.REPOSITORY}`).waitFor();
        await picture("install");
        await dialog.locator(".monaco-button", { hasText: "Copy Command" }).click();
        await dialog.waitFor({ state: "detached" });
      },
    ],
    [
      "the command installs it, and the extension finds it and goes on",
      async ({ bench, machine }) => {
        await bench.until(async () => (await bench.clipboard()) !== "", "the command is copied");
        const command = await bench.clipboard();
        assert.ok(command.startsWith(`${process.env.PYTHON} -m venv `), command);
        execFileSync("/bin/sh", ["-c", command], { env: { ...process.env, HOME: machine.root }, stdio: "pipe" });
        await bench.run("Conexus: Start the Daemon");
        await bench.settled("not indexed", 90_000);
        await bench.run("Conexus: Index This Workspace");
        await bench.settled("Conexus: indexed", 90_000);
      },
    ],
  ],
};

/** Stands for the Python extension, which is not in this registry: its interface, and nothing else. */
const PYTHON_DOUBLE = `
exports.activate = () => ({ environments: {
  getActiveEnvironmentPath: () => ({ path: process.env.CX_PYTHON }),
  resolveEnvironment: async () => ({ executable: { uri: require("vscode").Uri.file(process.env.CX_PYTHON) } }),
} });
`;

export const PYTHON: Group = {
  name: "python",
  prepare: (machine, tools) => {
    const folder = path.join(machine.root, "ext", "ms-python.python-2026.0.0");
    machine.write(folder, {
      "package.json": JSON.stringify({
        name: "python",
        publisher: "ms-python",
        version: "2026.0.0",
        engines: { vscode: "^1.101.0" },
        main: "./main.js",
        activationEvents: ["onStartupFinished"],
      }),
      "main.js": PYTHON_DOUBLE.replace(/process\.env\.CX_PYTHON/g, JSON.stringify(path.join(path.dirname(tools.conexus), "python"))),
    });
    return { open: machine.repository("shop", SHOP), onPath: false };
  },
  scenarios: [
    [
      "the program of the selected Python environment is used",
      async ({ bench, machine }) => {
        await bench.settled("not indexed", 90_000);
        assert.ok(fs.existsSync(path.join(machine.dataFolder, "daemon.json")));
      },
    ],
  ],
};

export const SETTING: Group = {
  name: "setting",
  prepare: (machine, tools) => ({
    open: machine.repository("shop", SHOP),
    onPath: false,
    machine: { "conexus.path": tools.conexus, "conexus.dataFolder": path.join(machine.root, "elsewhere") },
    settings: { "conexus.index.onOpen": true },
  }),
  scenarios: [
    [
      "the program and the data folder of the settings are used, and a workspace is indexed when it is opened",
      async ({ bench, machine }) => {
        await bench.settled("Conexus: indexed", 90_000);
        assert.ok(fs.existsSync(path.join(machine.root, "elsewhere", "daemon.json")));
        assert.equal(fs.existsSync(machine.dataFolder), false);
        await bench.run("Conexus: Stop the Daemon");
        await bench.settled("no daemon");
      },
    ],
  ],
};
