// SPDX-License-Identifier: FSL-1.1-MIT
/** An index job that takes a while, in a workspace of two folders. */

import assert from "node:assert/strict";
import path from "node:path";

import { many, SHOP } from "./machine";
import type { Group } from "./scenario";

export const JOBS: Group = {
  name: "jobs",
  prepare: (machine) => {
    const large = machine.repository("large", many(4000));
    const shop = machine.repository("shop", SHOP);
    const open = path.join(machine.root, "both.code-workspace");
    machine.write(machine.root, { "both.code-workspace": JSON.stringify({ folders: [{ path: large }, { path: shop }] }) });
    return { open };
  },
  scenarios: [
    [
      "an index job shows its progress, and is cancelled",
      async ({ bench, machine, picture }) => {
        await bench.settled("not indexed", 90_000);
        await bench.run("Conexus: Index This Workspace");
        const toast = bench.notification("indexing large");
        await toast.waitFor();
        await bench.settled(/indexing \d+ %/);
        await picture("indexing");
        await bench.press(toast, "Cancel");
        await toast.waitFor({ state: "detached" });
        const states = (): string[] =>
          (JSON.parse(machine.ok("jobs", "list", "--json")) as { jobs: { state: string }[] }).jobs.map((one) => one.state);
        await bench.until(() => !states().includes("running"), "the job ends");
        assert.deepEqual(states(), ["cancelled"]);
      },
    ],
    [
      "while a folder is indexed for the first time it has a row, searches say so, and its own cancel stops it alone",
      async ({ bench, machine, picture }) => {
        machine.ok("repos", "remove", "large", "--yes");
        await bench.run("Conexus: Refresh");
        await bench.settled("not indexed");
        const view = await bench.openView();
        const other = machine.repository("other", many(1500));
        await bench.run("Conexus: Index This Workspace");
        machine.start("index", other);
        const [mine, theirs] = [bench.row(/large.*indexing/), bench.row(/other.*indexing/)];
        await mine.waitFor();
        await theirs.waitFor();
        await view.locator("#notice", { hasText: "This workspace is being indexed" }).waitFor();
        await bench.quickSearch();
        await bench.picker().fill("hash a password");
        await bench.rows("This workspace is being indexed").first().waitFor();
        await picture("first-indexing");
        await bench.page.keyboard.press("Escape");
        await theirs.hover();
        await theirs.locator('[aria-label^="Cancel Indexing"]').click();
        const states = (): Map<string, string> =>
          new Map((JSON.parse(machine.ok("jobs", "list", "--json")) as { jobs: { name: string; state: string; created_at: number }[] }).jobs.sort((a, b) => a.created_at - b.created_at).map((one) => [one.name, one.state]));
        await bench.until(() => states().get("other") === "cancelled", "the other job is cancelled");
        assert.match(states().get("large") ?? "", /running|done/);
        await mine.hover();
        await mine.locator('[aria-label^="Cancel Indexing"]').click();
        await bench.until(() => states().get("large") === "cancelled", "the job is cancelled");
        await bench.settled("stale");
      },
    ],
    [
      "what was done is kept: the tree counts as not finished",
      async ({ bench }) => {
        await bench.settled("stale");
      },
    ],
    [
      "all folders of the workspace are indexed and searched",
      async ({ bench }) => {
        await bench.run("Conexus: Index This Workspace");
        await bench.settled("Conexus: indexed", 180_000);
        await bench.openView();
        await bench.page.locator(".pane-body .monaco-list-row", { hasText: /shop.*7 files/ }).waitFor();
        const view = await bench.search("call again with exponential delays");
        await view.locator(".file .name", { hasText: "retry.py" }).waitFor();
        await bench.search("step 3 of part 7");
        await view.locator(".file .name", { hasText: "part_7.py" }).waitFor();
      },
    ],
  ],
};
