// SPDX-License-Identifier: FSL-1.1-MIT
// Bundles the extension and the script of its search view into dist/; with --tests the unit tests into build/unit.
import { readdirSync } from "node:fs";

import { build } from "esbuild";

const shared = { bundle: true, target: "es2022", logLevel: "warning", legalComments: "none" };
const host = { ...shared, platform: "node", format: "cjs", target: "node20", external: ["vscode"] };

if (process.argv.includes("--tests")) {
  const names = readdirSync("test/unit").filter((name) => name.endsWith(".test.ts"));
  const entryPoints = names.map((name) => `test/unit/${name}`);
  await build({ ...host, entryPoints, outdir: "build/unit", outExtension: { ".js": ".cjs" }, sourcemap: "inline" });
} else {
  const minify = { minify: true, sourcemap: false };
  await build({ ...host, ...minify, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js" });
  await build({ ...shared, ...minify, format: "iife", entryPoints: ["webview/search.ts"], outfile: "dist/search.js" });
}
