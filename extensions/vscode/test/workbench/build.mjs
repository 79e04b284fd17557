// SPDX-License-Identifier: FSL-1.1-MIT
// Bundles the scenarios into build/workbench.
import { build } from "esbuild";

await build({
  entryPoints: ["test/workbench/run.ts"],
  outfile: "test/workbench/build/run.mjs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
