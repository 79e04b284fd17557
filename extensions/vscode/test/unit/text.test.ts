// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import { inLabel, inLine, inNotification, visible } from "../../src/text";

test("controls, bidi marks and invisible characters are seen", () => {
  assert.equal(visible("a\u202eb\u200bc\u0007d\u00ade"), "a<U+202E>b<U+200B>c<U+0007>d<U+00AD>e");
  assert.equal(visible("tags \u{e0041}"), "tags <U+E0041>");
  assert.equal(visible("tab\tline\r\nnext\rlast"), "tab\tline\nnext\nlast");
});

test("ordinary text of any language stays", () => {
  for (const text of ["naïve café", "данные", "日本語", "עברית", "🎉 done", "<b>&amp;</b>"]) {
    assert.equal(visible(text), text);
  }
});

test("a line has no line ends, and an end", () => {
  assert.equal(inLine("a\nb\tc"), "a b c");
  assert.equal(inLine("x".repeat(400)).length, 300);
});

test("names make no icons", () => {
  assert.equal(inLabel("$(alert) and $(sync~spin)"), "\\$(alert) and \\$(sync~spin)");
  assert.equal(inLabel("$ (no) $()"), "$ (no) $()");
});

test("names make no links", () => {
  assert.ok(!inNotification("[click](command:x)").includes("]("));
});
