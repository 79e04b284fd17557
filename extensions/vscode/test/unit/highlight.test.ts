// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import { segmentsOf, snippetOf, wordsOf } from "../../src/highlight";

test("words of a question are those that code may have", () => {
  assert.deepEqual(wordsOf("How are the passwords hashed?").sort(), ["hash", "password"]);
  assert.ok(wordsOf("Session.sendAll").includes("send"));
  assert.deepEqual(wordsOf("is it to be"), []);
});

test("segments are the line again, whatever it holds", () => {
  for (const line of ["", "plain", "<img src=x>", "hash(hash)", "a.b*c+d?[x]", "İstanbul HASH"]) {
    assert.equal(segmentsOf(line, wordsOf("hash img istanbul a.b*c")).map((one) => one.text).join(""), line);
  }
  assert.deepEqual(segmentsOf("rehash it", ["hash"]), [
    { text: "re", hit: false },
    { text: "hash", hit: true },
    { text: " it", hit: false },
  ]);
});

test("a snippet begins at the definition unless the words are elsewhere", () => {
  const text = ["def f():", "    a = 1", "", "    b = 2", "    salt = 3", "    hash = salt", "    return salt"].join("\n");
  const at = (words: string[], opened = 10): number | undefined => snippetOf(text, 10, opened, words, 2)[0]?.number;
  assert.equal(at([]), 10);
  assert.equal(at(["salt", "hash"]), 14);
  assert.equal(at([], 13), 13);
});

test("a snippet has no blank lines, no shared indentation, and at most as many lines", () => {
  const lines = snippetOf("\n    a\n\n      b\n    c\n", 1, 1, [], 2);
  assert.deepEqual(lines.map((line) => [line.number, line.segments.map((one) => one.text).join("")]), [[2, "a"], [4, "  b"]]);
  assert.deepEqual(snippetOf("a\nb", 1, 1, [], 0), []);
  assert.deepEqual(snippetOf("\n \n", 1, 1, [], 5), []);
});

test("no question is slow to mark", () => {
  const begun = performance.now();
  segmentsOf("a".repeat(100_000), wordsOf("a ".repeat(4000) + "(a+)+$".repeat(100)));
  assert.ok(performance.now() - begun < 200);
});
