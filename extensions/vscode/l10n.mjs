// SPDX-License-Identifier: FSL-1.1-MIT
// Writes l10n/bundle.l10n.json, which translators start from: every text of the code under itself.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const found = new Set();
for (const name of readdirSync("src")) {
  for (const [, text] of readFileSync(`src/${name}`, "utf-8").matchAll(/l10n\.t\(\s*"((?:[^"\\]|\\.)*)"/g)) {
    found.add(JSON.parse(`"${text}"`));
  }
}
const texts = Object.fromEntries([...found].sort().map((text) => [text, text]));
writeFileSync("l10n/bundle.l10n.json", `${JSON.stringify(texts, null, 2)}\n`);
