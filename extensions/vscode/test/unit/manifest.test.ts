// SPDX-License-Identifier: FSL-1.1-MIT
/** The manifest says all that it should, and nothing that the code does not do. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import test from "node:test";

interface Manifest {
  contributes: {
    commands: { command: string; title: string; category: string }[];
    menus: Record<string, { command: string }[]>;
    keybindings: { command: string }[];
    configuration: { properties: Record<string, { type: string; scope: string; default: unknown; markdownDescription: string; enum?: unknown[] }> };
    languageModelTools: { name: string; when: string; inputSchema: { additionalProperties: boolean } }[];
    views: Record<string, { id: string; icon: string }[]>;
  };
  capabilities: { untrustedWorkspaces: { supported: string; restrictedConfigurations: string[] } };
  activationEvents: string[];
  extensionKind: string[];
  dependencies?: object;
  [key: string]: unknown;
}

const read = (name: string): string => readFileSync(name, "utf-8");
const manifest = JSON.parse(read("package.json")) as Manifest;
const texts = JSON.parse(read("package.nls.json")) as Record<string, string>;
const bundle = JSON.parse(read("l10n/bundle.l10n.json")) as Record<string, string>;
const sources = readdirSync("src").map((name) => read(`src/${name}`));
const { commands, configuration, menus, keybindings } = manifest.contributes;

test("every command is implemented, titled, and in the palette", () => {
  const code = sources.join("\n");
  for (const { command, category } of commands) {
    assert.ok(code.includes(`["${command.replace("conexus.", "")}", `) || code.includes(`"${command.replace("conexus.", "")}",\n`), command);
    assert.equal(category, "Conexus");
  }
  assert.equal(menus.commandPalette, undefined, "nothing is hidden from the palette");
  const known = new Set(commands.map((one) => one.command));
  for (const { command } of [...Object.values(menus).flat(), ...keybindings]) {
    assert.ok(known.has(command), command);
  }
});

test("every text can be translated", () => {
  const used = [...read("package.json").matchAll(/"%([^%"]+)%"/g)].map((match) => match[1] ?? "");
  assert.deepEqual([...new Set(used)].sort(), Object.keys(texts).sort());
  const asked = sources.flatMap((source) => [...source.matchAll(/l10n\.t\(\s*"((?:[^"\\]|\\.)*)"/g)].map((match) => JSON.parse(`"${match[1] ?? ""}"`) as string));
  assert.deepEqual(Object.keys(bundle).sort(), [...new Set(asked)].sort(), "l10n/bundle.l10n.json: node l10n.mjs");
  assert.equal(sources.join("").match(/l10n\.t\(/g)?.length, asked.length, "texts are written where they are used");
});

test("settings are typed and told; those that lead somewhere are the machine's", () => {
  for (const [name, one] of Object.entries(configuration.properties)) {
    assert.ok(one.type && one.scope && one.default !== undefined && one.markdownDescription, name);
    assert.equal(typeof one.default, one.type === "integer" ? "number" : one.type, name);
  }
  const machine = Object.entries(configuration.properties).filter(([, one]) => one.scope === "machine").map(([name]) => name);
  assert.deepEqual(machine.sort(), ["conexus.daemon.autoStart", "conexus.daemon.url", "conexus.dataFolder", "conexus.install.package", "conexus.install.python", "conexus.path"]);
  assert.equal(configuration.properties["conexus.codeLens.enabled"]?.default, false);
  const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  assert.equal(supported, "limited");
  assert.deepEqual([...machine, "conexus.index.onOpen", "conexus.ai.provider"].filter((name) => !restrictedConfigurations.includes(name)), []);
});

test("tools are offered by the setting alone, and take no unknown field", () => {
  for (const tool of manifest.contributes.languageModelTools) {
    assert.equal(tool.when, "config.conexus.ai.provider == tools && isWorkspaceTrusted");
    assert.equal(tool.inputSchema.additionalProperties, false);
  }
});

test("the marketplace has all that it asks for", () => {
  for (const name of ["publisher", "displayName", "description", "icon", "categories", "keywords", "galleryBanner", "license", "version"]) {
    assert.ok(manifest[name], name);
  }
  assert.equal(read("LICENSE"), read("../../LICENSE.FSL"));
  const icon = readFileSync("media/icon.png");
  assert.deepEqual([icon.readUInt32BE(16), icon.readUInt32BE(20)], [128, 128]);
  for (const file of ["README.md", "CHANGELOG.md"]) {
    assert.ok(statSync(file).size > 300, file);
  }
  for (const [, picture] of read("README.md").matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
    assert.ok(existsSync(picture ?? "") && statSync(picture ?? "").size < 150_000, picture);
  }
  assert.ok(Object.values(manifest.contributes.views).flat().every((view) => view.icon));
});

test("it runs where the files are, starts late, and depends on nothing", () => {
  assert.deepEqual(manifest.extensionKind, ["workspace"]);
  assert.deepEqual(manifest.activationEvents, ["onStartupFinished"]);
  assert.equal(manifest.dependencies, undefined);
});

test("no page is given HTML, no telemetry is sent, no shell is used", () => {
  const code = [...sources, read("webview/search.ts")].join("\n");
  for (const forbidden of ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "isTrusted = true", "supportHtml", "TelemetryLogger", "sendTelemetry", "shell: true", "eval("]) {
    assert.ok(!code.includes(forbidden), forbidden);
  }
});
