// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import type { Result } from "@conexus/client";

import { candidates, environment, findBinary } from "../../src/binaries";
import { grouped } from "../../src/grouping";
import { History, type Store } from "../../src/history";
import { installCommand, isInstallable, quoted } from "../../src/installing";
import { lineOf } from "../../src/locating";
import { fromView, NO_FILTERS, patternsOf } from "../../src/messages";
import { outline } from "../../src/outline";
import { checked, SEARCH_RULES, SYMBOLS_RULES, WrongInput } from "../../src/tool_inputs";

test("what the view says is checked", () => {
  const search = { type: "search", query: "x", filters: NO_FILTERS, remember: true };
  assert.deepEqual(fromView(search), search);
  const wrong: unknown[] = [null, 7, [], {}, { type: "eval" }, { ...search, query: 7 }, { ...search, query: "x".repeat(9000) }, { ...search, filters: {} }];
  wrong.push(
    [{ type: "open", answer: 1, at: 0.5, mode: "open" }, { type: "open", answer: 1, at: 0, mode: "run" }, { type: "run", command: "workbench.action.quit" }],
  );
  for (const one of wrong) {
    assert.equal(fromView(one), null, JSON.stringify(one).slice(0, 80));
  }
  assert.deepEqual(patternsOf(" src/** , ,*.py"), ["src/**", "*.py"]);
});

test("input of tools is held to their rules", () => {
  assert.deepEqual(checked({ query: "x", limit: 3, tests: false }, SEARCH_RULES), { query: "x", limit: 3, tests: false });
  const wrong: [unknown, RegExp][] = [
    [{}, /query is missing/],
    [null, /no object/],
    [{ query: " " }, /query has to be/],
    [{ query: "x", limit: 51 }, /limit has to be/],
    [{ query: "x", limit: "3" }, /limit has to be/],
    [{ query: "x", paths: [""] }, /paths has to be/],
    [{ query: "x", constructor: 1 }, /no field 'constructor'/],
    [JSON.parse('{"query": "x", "__proto__": {"limit": 1}}'), /no field '__proto__'/],
  ];
  for (const [input, said] of wrong) {
    assert.throws(() => checked(input, SEARCH_RULES), (error: unknown) => error instanceof WrongInput && said.test(error.message));
  }
  assert.throws(() => checked({ name: "x", uses: "yes" }, SYMBOLS_RULES), WrongInput);
});

test("results stand by file, best file first, in the order of their lines", () => {
  const result = (path: string, line: number, score: number): Result =>
    ({ repository: "example.org/tools/shop", root: "/s", path, line, start_line: line, end_line: line + 2, symbol: "f\u202e", kind: "function", score, freshness: "fresh", text: "def f\n" }) as unknown as Result;
  const files = grouped([result("b/x.py", 9, 3), result("a.py", 1, 2), result("b/x.py", 2, 1)], "f", 3);
  assert.deepEqual(files.map((file) => [file.folder, file.name, file.results.map((one) => [one.at, one.line])]), [
    ["b", "x.py", [[2, 2], [0, 9]]],
    ["", "a.py", [[1, 1]]],
  ]);
  assert.equal(files.at(0)?.results[0]?.symbol, "f<U+202E>");
  assert.equal(files.at(0)?.repository, "");
  assert.equal(grouped([result("a.py", 1, 2), { ...result("a.py", 1, 1), root: "/t" }], "f", 3).at(1)?.repository, "shop");
});

test("a chunk is found where it has moved to", () => {
  const chunk = { text: "\ndef f():\n    return 1\n", start_line: 1, line: 2 };
  assert.equal(lineOf(chunk, ["", "def f():", "    return 1"]), 2);
  assert.equal(lineOf(chunk, ["a", "b", "c", "", "def f():"]), 5);
  assert.equal(lineOf(chunk, ["def f():", "x", "y"]), 1);
  assert.equal(lineOf(chunk, ["gone"]), 1);
  assert.equal(lineOf({ text: "", start_line: 1, line: 900 }, ["a", "b"]), 2);
});

test("questions are remembered once, newest first, and not more than asked for", async () => {
  const kept = new Map<string, unknown>();
  const store: Store = { get: (key) => kept.get(key), update: (key, value) => Promise.resolve(void kept.set(key, value)) };
  const history = new History(store, () => 2);
  for (const question of ["a", "b", " a ", "", "x".repeat(600)]) {
    await history.add(question);
  }
  assert.deepEqual(history.all(), ["a", "b"]);
  await history.add("c");
  assert.deepEqual(history.all(), ["c", "a"]);
  kept.set("history", [7, "d"]);
  assert.deepEqual(history.all(), ["d"]);
  await history.clear();
  assert.deepEqual(history.all(), []);
});

test("the install command is one that a shell takes as it is meant", () => {
  assert.equal(
    installCommand("", "/home folder/it's", "conexus"),
    "python3 -m venv '/home folder/it'\\''s' && '/home folder/it'\\''s/bin/python' -m pip install --upgrade conexus",
  );
  assert.equal(quoted("$(rm -rf x)"), "'$(rm -rf x)'");
  for (const wanted of ["conexus", "conexus==0.1.0", "conexus[transformers]>=0.1,<2", "/opt/wheels/conexus-0.1.0-py3-none-any.whl"]) {
    assert.equal(isInstallable(wanted), true, wanted);
  }
  for (const wanted of ["", "--index-url=x", "-e .", "a b", "conexus; rm", "../x", "https://example.org/x.whl", "/a\nb"]) {
    assert.equal(isInstallable(wanted), false, wanted);
  }
});

test("the program is looked for in order, and never in the current folder", async () => {
  const hints = { setting: "", path: "/a:.:bin::/b", python: "/env/bin/python", privateFolder: "/private" };
  const paths = candidates(hints).map((one) => one.path);
  assert.deepEqual(paths, ["/a/conexus", "/b/conexus", "/env/bin/conexus", "/private/bin/conexus"]);
  assert.deepEqual(candidates({ ...hints, setting: "/own/conexus" }), [{ path: "/own/conexus", source: "setting" }]);
  assert.deepEqual(candidates({ ...hints, setting: "own/conexus" }), []);
  assert.equal(await findBinary({ ...hints, mayUse: () => Promise.resolve(true) }), null);
});

test("a program gets none of the editor's own variables", () => {
  const found = environment({ HOME: "/h", VSCODE_IPC_HOOK: "x", NODE_OPTIONS: "--require x", ELECTRON_RUN_AS_NODE: "1" }, { CONEXUS_HOME: "/c" });
  assert.deepEqual(found, { HOME: "/h", CONEXUS_HOME: "/c" });
});

test("lines that define something are seen in many languages", () => {
  const lines = ["async def load(x):", "export default class Shop {", "pub(crate) fn run() {}", "func (s *Server) Close() error {", "  function* walk() {"].concat(
    ["def self.build", "interface Line<T> {", "public static void main", "x = 1", "# def no", "private fun add(a: Int)"],
  );
  assert.deepEqual(outline(lines).map((one) => one.name), ["load", "Shop", "run", "Close", "walk", "build", "Line", "add"]);
});
