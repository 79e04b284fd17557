// SPDX-License-Identifier: FSL-1.1-MIT
/** Runs the scenarios in a real workbench: all, or those of the groups that are named. */

import fs from "node:fs";

import { GROUPS } from "./groups";
import { runGroup } from "./scenario";
import type { Tools } from "./workbench";

function needed(name: string): string {
  const found = process.env[name];
  if (!found) {
    throw new Error(`${name} is not set: see tools/vscode.py`);
  }
  return found;
}

const tools: Tools = {
  codeServer: needed("CODE_SERVER"),
  node: needed("VSCODE_NODE"),
  conexus: needed("CONEXUS"),
  vsix: needed("VSIX"),
  chromium: needed("CHROMIUM"),
};
const pictures = needed("PICTURES");
fs.mkdirSync(pictures, { recursive: true });
const names = process.argv.slice(2);
const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(", ")}; there are ${GROUPS.map((group) => group.name).join(", ")}`);
  process.exit(2);
}
const chosen = GROUPS.filter((group) => names.length === 0 || names.includes(group.name));
const begun = Date.now();
let passed = 0;
const failed: string[] = [];
for (const group of chosen) {
  const outcome = await runGroup(group, tools, pictures);
  passed += outcome.passed;
  failed.push(...outcome.failed);
}
console.log(`${passed} scenarios passed, ${failed.length} failed in ${Math.round((Date.now() - begun) / 1000)} s`);
process.exit(failed.length === 0 && passed > 0 ? 0 : 1);
