// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { fileIn } from "../../src/files";

test("a link out of a tree is not followed, one within it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cx-files-"));
  try {
    const root = join(folder, "shop");
    mkdirSync(join(root, "real"), { recursive: true });
    mkdirSync(join(folder, "outside"));
    writeFileSync(join(root, "real", "a.py"), "x");
    writeFileSync(join(folder, "outside", "secret"), "x");
    symlinkSync(join(folder, "outside", "secret"), join(root, "out.py"));
    symlinkSync(join(folder, "outside"), join(root, "folder"));
    symlinkSync(join(root, "real", "a.py"), join(root, "in.py"));
    symlinkSync(root, join(folder, "link"));
    assert.deepEqual(await fileIn(root, "real/a.py"), { kind: "file", path: join(root, "real", "a.py") });
    assert.deepEqual(await fileIn(root, "in.py"), { kind: "file", path: join(root, "in.py") });
    assert.deepEqual(await fileIn(join(folder, "link"), "real/a.py"), { kind: "file", path: join(folder, "link", "real", "a.py") });
    assert.deepEqual(await fileIn(root, "out.py"), { kind: "outside" });
    assert.deepEqual(await fileIn(root, "folder/secret"), { kind: "outside" });
    for (const path of ["none.py", "real", "../outside/secret"]) {
      assert.deepEqual(await fileIn(root, path), { kind: "gone" }, path);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
