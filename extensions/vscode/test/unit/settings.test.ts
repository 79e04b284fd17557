// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { isAllowed, type Rule, withHome } from "../../src/setting_values";

const manifest = JSON.parse(readFileSync("package.json", "utf-8")) as { contributes: { configuration: { properties: Record<string, Rule> } } };

function allowed(name: string, value: unknown): boolean {
  const rule = manifest.contributes.configuration.properties[`conexus.${name}`];
  assert.ok(rule, name);
  return isAllowed(value, rule);
}

test("every default is allowed", () => {
  for (const [name, rule] of Object.entries(manifest.contributes.configuration.properties)) {
    assert.ok(isAllowed(rule.default, rule), name);
  }
});

test("what the manifest does not allow is told apart", () => {
  const right: [string, unknown][] = [["search.limit", 1], ["search.limit", 100], ["context.maxTokens", 200], ["search.scope", "all"], ["path", "~/bin/conexus"], ["path", "/a b"], ["dataFolder", ""]];
  const wrong: [string, unknown][] = [
    ...["abc", 5.5, 0, 100_000, null, "20", Number.NaN].map((value): [string, unknown] => ["search.limit", value]),
    ...["x", 300.5, 199].map((value): [string, unknown] => ["context.maxTokens", value]),
    ...[null, "nonsense", 1].map((value): [string, unknown] => ["search.scope", value]),
    ...[7, "bin/conexus", "~other/conexus", null].map((value): [string, unknown] => ["path", value]),
    ["install.package", 5],
    ["dataFolder", "relative/x"],
    ["daemon.url", "ftp://x"],
    ["search.tests", "yes"],
  ];
  right.forEach(([name, value]) => assert.equal(allowed(name, value), true, `${name} ${String(value)}`));
  wrong.forEach(([name, value]) => assert.equal(allowed(name, value), false, `${name} ${String(value)}`));
});

test("the home folder may be written as ~", () => {
  assert.equal(withHome("~/bin/conexus", "/home/x"), "/home/x/bin/conexus");
  assert.equal(withHome("~", "/home/x"), "/home/x");
  assert.equal(withHome("/a/~/b", "/home/x"), "/a/~/b");
  assert.equal(withHome("", "/home/x"), "");
});
