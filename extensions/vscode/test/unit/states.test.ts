// SPDX-License-Identifier: FSL-1.1-MIT
import assert from "node:assert/strict";
import test from "node:test";

import type { Job, Repository } from "@conexus/client";

import { reportOf } from "../../src/diagnostics";
import { refusalOf, safeUrl } from "../../src/limits";
import { type Condition, conditionOf, firstJobs, type Known, NOTHING_KNOWN, percentOf } from "../../src/states";
import { mismatch } from "../../src/versions";

const TREE = { root: "/src/shop", name: "shop", complete: true, indexed_at: 100, files_pending: 0, watch: "native", gone: false, files: 7, chunks: 9 };

function tree(changes: object = {}): Repository {
  return { ...TREE, ...changes } as unknown as Repository;
}

function job(done: number, total: number, changes: object = {}): Job {
  const progress = { stage: "index", files_done: done, files_total: total };
  return { id: "1", root: "/src/shop", state: "running", origin: "asked", progress, ...changes } as unknown as Job;
}

function known(changes: Partial<Known> = {}): Known {
  return { ...NOTHING_KNOWN, link: "ready", ...changes };
}

const FOLDERS = ["/src/shop"];

function condition(changes: Partial<Known>, trees: Repository[], missing: string[] = [], folders = FOLDERS): Condition {
  return conditionOf(known(changes), { trees, missing }, folders);
}

test("each condition is told apart", () => {
  const kind = (state: Known, trees: Repository[], folders = FOLDERS): string => conditionOf(state, { trees, missing: [] }, folders).kind;
  assert.equal(kind(NOTHING_KNOWN, []), "looking");
  assert.equal(kind(known({ link: "missing" }), []), "missing");
  assert.equal(kind(known(), [], []), "none");
  assert.equal(kind(known(), []), "unindexed");
  assert.equal(kind(known(), [tree()]), "indexed");
  assert.equal(kind(known(), [tree({ complete: false })]), "stale");
  assert.equal(kind(known(), [tree({ gone: true })]), "stale");
  assert.equal(kind(known(), [tree({ files_pending: 3 })]), "stale");
});

test("saving a file makes an index stale where nobody follows, until it is indexed again", () => {
  const saved = new Map([["/src/shop", 200]]);
  assert.equal(condition({ saved }, [tree({ watch: "off" })]).kind, "stale");
  assert.equal(condition({ saved }, [tree()]).kind, "indexed");
  assert.equal(condition({ saved }, [tree({ watch: "off", indexed_at: 201 })]).kind, "indexed");
});

test("a job has a percentage; one of a watcher is not worth a spinner", () => {
  const jobs = new Map([["/src/shop", job(42, 100)]]);
  assert.deepEqual(condition({ jobs }, [tree()]), { kind: "indexing", percent: 42 });
  const followed = new Map([["/src/shop", job(1, 2, { origin: "watch" })]]);
  assert.equal(condition({ jobs: followed }, [tree()]).kind, "indexed");
  assert.equal(percentOf(job(0, 0)), null);
  assert.equal(percentOf(job(7, 5)), 100);
});

test("a first job is the workspace's where its root is of a folder, and has a row of its own", () => {
  const jobs = new Map([["/src/shop", job(42, 100)]]);
  assert.equal(condition({ jobs }, []).kind, "indexing");
  assert.equal(condition({ jobs }, [], [], ["/src"]).kind, "indexing");
  assert.equal(condition({ jobs }, [], [], ["/other"]).kind, "unindexed");
  assert.deepEqual(firstJobs(known({ jobs })).map((one) => one.root), ["/src/shop"]);
  assert.deepEqual(firstJobs(known({ jobs, repositories: [tree({ ref: "" })] })), []);
});

test("a folder that is not indexed is told beside one that is", () => {
  assert.deepEqual(condition({}, [tree()], ["/src/other"]), { kind: "partly", missing: ["/src/other"] });
});

test("versions that are not understood are told", () => {
  assert.equal(mismatch({ version: "0.1.0", api: "v1" }), null);
  assert.equal(mismatch({ version: "1.20.3.dev4", api: "v1" }), null);
  assert.equal(mismatch({ version: "0.0.9", api: "v1" }), "older");
  assert.equal(mismatch({ version: "3.0.0", api: "v2" }), "newer");
  assert.equal(mismatch({ version: "nonsense", api: "v1" }), "older");
  assert.equal(mismatch({ version: "1.0.0", api: "" }), "older");
});

test("a refusal is what the daemon says of it", () => {
  const details = { feature: "repositories", limit: "5", used: "5", required_plan: "pro", upgrade_url: "https://example.org/plans" };
  const found = refusalOf({ code: "feature_not_available", details });
  assert.deepEqual(found, { feature: "repositories", limit: 5, used: 5, requiredPlan: "pro", upgradeUrl: "https://example.org/plans" });
  assert.equal(refusalOf({ code: "not_indexed", details }), null);
  assert.equal(refusalOf({ code: "feature_not_available", details: { limit: "five" } })?.limit, null);
});

test("no address but one of the web is opened", () => {
  for (const url of ["command:x", "javascript:alert(1)", "http://example.org", "https://user:pass@example.org", "file:///etc/passwd", ""]) {
    assert.equal(safeUrl(url), "", url);
  }
});

test("a report has counts, and no names", () => {
  const facts = { extension: "0.1.0", editor: "x", node: "v22", platform: "linux", remote: "", trusted: true, folders: 1 };
  const more = { binary: "path", binaryVersion: "0.1.0", settings: [["search.limit", "5"]] as [string, string][], log: ["10:00:00 info search: ok", "a ``` b"] };
  const text = reportOf({ ...facts, ...more }, known({ repositories: [tree()] }));
  assert.match(text, /\| files \| 7 \|/);
  assert.match(text, /`search.limit`: 5/);
  assert.ok(!text.includes("/src/shop") && !text.includes("| shop"));
  assert.equal(text.split("```").length, 3, "a line of the log does not end the block");
});
