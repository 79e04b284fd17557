// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import type { Repository } from "@conexus/client";

import { asPattern, coverage, isWithin, pathIn, realOf, shownOf, treeOf } from "../../src/places";

function tree(root: string, ref = ""): Repository {
  return { repository: `example.org${root}`, name: root, root, ref } as unknown as Repository;
}

const KNOWN = [tree("/src/shop"), tree("/src/shop/vendor"), tree("/src/library"), tree("/src/shop", "v1"), tree("")];

test("a folder that is a tree is searched whole", () => {
  const { filter, missing, trees } = coverage(["/src/shop"], KNOWN);
  assert.deepEqual([filter?.roots, filter?.paths, missing, trees.length], [["/src/shop", "/src/shop/vendor"], null, [], 2]);
});

test("a folder in a tree is searched by its path", () => {
  assert.deepEqual(coverage(["/src/library/a [1]"], KNOWN).filter?.paths, ["/a\\ \\[1\\]/**"]);
  assert.deepEqual(coverage(["/src/shop/vendor/x"], KNOWN).filter?.roots, ["/src/shop/vendor"]);
});

test("a folder around trees is searched as all of them, several folders together", () => {
  assert.deepEqual(coverage(["/src"], KNOWN).filter?.roots, ["/src/shop", "/src/shop/vendor", "/src/library"]);
  const two = coverage(["/src/library", "/src/shop/web"], KNOWN).filter;
  assert.deepEqual([two?.roots, two?.paths], [["/src/library", "/src/shop"], null]);
});

test("trees within a tree are searched with it", () => {
  const known = [tree("/src"), ...KNOWN];
  assert.deepEqual(coverage(["/src"], known).filter?.roots, ["/src", "/src/shop", "/src/shop/vendor", "/src/library"]);
  assert.deepEqual(coverage(["/src/library"], known).filter?.roots, ["/src/library"]);
  // A pattern would have to fit in the inner tree too: the outer one is searched whole.
  const inner = coverage(["/deep/sub"], [tree("/deep"), tree("/deep/sub/inner")]).filter;
  assert.deepEqual([inner?.roots, inner?.paths], [["/deep", "/deep/sub/inner"], null]);
});

test("a folder behind a link has two names", () => {
  const links = [{ shown: "/link", real: "/src/shop" }, { shown: "/src/library", real: "/src/library" }];
  assert.equal(realOf("/link/a.py", links), "/src/shop/a.py");
  assert.equal(shownOf("/src/shop/a.py", links), "/link/a.py");
  assert.equal(shownOf("/src/shopping/a.py", links), "/src/shopping/a.py");
  assert.equal(shownOf("/src/library/a.py", links), "/src/library/a.py");
  // Where both names are folders of the workspace, each file keeps the name that it has.
  const both = [...links, { shown: "/src/shop", real: "/src/shop" }];
  assert.equal(shownOf("/src/shop/a.py", both), "/src/shop/a.py");
});

test("what is not indexed is named", () => {
  const found = coverage(["/other", "/src/shopping"], KNOWN);
  assert.deepEqual([found.filter, found.missing], [null, ["/other", "/src/shopping"]]);
});

test("a file belongs to the innermost tree", () => {
  assert.deepEqual(treeOf("/src/shop/vendor/a.py", KNOWN)?.path, "a.py");
  assert.deepEqual(treeOf("/src/shop/vendors/a.py", KNOWN)?.path, "vendors/a.py");
  assert.equal(treeOf("/elsewhere/a.py", KNOWN), null);
});

test("no path leads out of its tree", () => {
  for (const path of ["../x", "a/../../x", "/etc/passwd", "", "a//b", ".", "a/.", "a\0b"]) {
    assert.equal(pathIn("/src/shop", path), null, JSON.stringify(path));
  }
  assert.equal(pathIn("src", "a"), null);
  assert.equal(pathIn("/src/shop/", "..a/b..c"), "/src/shop/..a/b..c");
});

test("patterns mean the path alone", () => {
  assert.equal(asPattern("a*b?[c]!#\\ d"), "a\\*b\\?\\[c\\]\\!\\#\\\\\\ d");
  assert.equal(isWithin("/a/bc", "/a/b"), false);
  assert.equal(isWithin("/a", "/"), true);
});
