// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import { within } from "../../src/patterns";

test("patterns of a folder mean the folder's own paths", () => {
  assert.deepEqual(within(["/web/**"], ["*.py", "src/**", "/a.ts", "docs/"]), ["/web/**/*.py", "/web/src/**", "/web/a.ts", "/web/**/docs/"]);
});

test("what is left out is left out of the folder", () => {
  assert.deepEqual(within(["/web/**"], ["!retry.py"]), ["/web/**", "!/web/**/retry.py"]);
  assert.deepEqual(within(["/web/**"], ["*.py", "!/retry.py"]), ["/web/**/*.py", "!/web/retry.py"]);
});
