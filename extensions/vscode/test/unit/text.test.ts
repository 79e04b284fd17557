// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import { Repeats } from "../../src/repeats";
import { inLabel, inLine, inNotification, joined, visible } from "../../src/text";

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

test("a message and its hint are two sentences", () => {
  assert.equal(joined("no such place", "look at it"), "no such place. look at it");
  assert.equal(joined("Is it running?", "Look."), "Is it running? Look.");
  assert.equal(joined("Said.", ""), "Said.");
  assert.equal(joined("", "Look."), "Look.");
});

test("what is told twice at once is told once, and later again", () => {
  const repeats = new Repeats();
  assert.deepEqual([repeats.isRepeat("a", 0), repeats.isRepeat("a", 100), repeats.isRepeat("b", 200)], [false, true, false]);
  assert.deepEqual([repeats.isRepeat("a", 300), repeats.isRepeat("a", 20_000)], [false, false]);
});

test("names make no links", () => {
  assert.ok(!inNotification("[click](command:x)").includes("]("));
});
