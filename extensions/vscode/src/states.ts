// SPDX-License-Identifier: FSL-1.1-MIT
/** What the extension knows of the daemon and the workspace, and what of it is shown. Pure. */

import type { Job, Repository, StatusResponse } from "@conexus/client";

import { type Coverage, isWithin } from "./places";
import type { FeaturesResponse } from "./wire";

/** How it stands with the daemon. */
export type LinkState = "looking" | "missing" | "absent" | "starting" | "ready" | "failed";

/** Why a daemon cannot be used. */
export interface Problem {
  code: string;
  message: string;
  hint: string;
}

/** All that is known. */
export interface Known {
  link: LinkState;
  problem: Problem | null;
  status: StatusResponse | null;
  features: FeaturesResponse | null;
  repositories: readonly Repository[];
  /** Index jobs that wait or run, by the root of their tree. */
  jobs: ReadonlyMap<string, Job>;
  /** When a file of a tree was last saved here, in seconds since the epoch, by root. */
  saved: ReadonlyMap<string, number>;
}

/** How it stands with the folders of the workspace. */
export type Condition =
  | { kind: "looking" | "missing" | "absent" | "starting" | "failed" | "none" | "unindexed" | "indexed" }
  | { kind: "indexing"; percent: number | null }
  | { kind: "stale"; reason: "incomplete" | "changed" | "gone" }
  /** Some folders are indexed, others are not. */
  | { kind: "partly"; missing: readonly string[] };

export const NOTHING_KNOWN: Known = {
  link: "looking",
  problem: null,
  status: null,
  features: null,
  repositories: [],
  jobs: new Map(),
  saved: new Map(),
};

const GRACE_S = 3; // of a daemon that follows edits itself

/** Returns how it stands with the folders of a workspace, of which some may not be indexed. */
export function conditionOf(known: Known, { trees, missing }: Pick<Coverage, "trees" | "missing">, folders: readonly string[]): Condition {
  if (known.link !== "ready") {
    return { kind: known.link };
  }
  if (folders.length === 0) {
    return { kind: "none" };
  }
  const running = jobOf(known, trees, folders);
  if (running && (running.origin === "asked" || trees.some((tree) => !tree.complete))) {
    return { kind: "indexing", percent: percentOf(running) };
  }
  if (trees.length === 0) {
    return { kind: "unindexed" };
  }
  if (trees.some((tree) => tree.indexing && !tree.complete)) {
    return { kind: "indexing", percent: null };
  }
  for (const tree of trees) {
    const reason = staleness(tree, known.saved.get(tree.root));
    if (reason) {
      return { kind: "stale", reason };
    }
  }
  if (missing.length > 0) {
    return { kind: "partly", missing };
  }
  return { kind: "indexed" };
}

/** Returns a job that has to do with a workspace: of a tree of it, or of a folder that is indexed for the first time. */
export function jobOf(known: Known, trees: readonly Repository[], folders: readonly string[]): Job | undefined {
  const jobs = [...known.jobs.values()];
  return (
    jobs.find((job) => trees.some((tree) => tree.root === job.root)) ??
    jobs.find((job) => job.root !== "" && folders.some((folder) => isWithin(job.root, folder) || isWithin(folder, job.root)))
  );
}

/** Returns the jobs of trees that nothing is indexed of yet. */
export function firstJobs(known: Known): Job[] {
  return [...known.jobs.values()].filter((job) => !known.repositories.some((one) => one.root === job.root && one.ref === ""));
}

/** Returns why a tree is not as the disk has it, or `null`. */
export function staleness(tree: Repository, savedAt: number | undefined): "incomplete" | "changed" | "gone" | null {
  if (tree.gone) {
    return "gone";
  }
  if (!tree.complete) {
    return "incomplete";
  }
  const indexedAt = tree.indexed_at ?? 0;
  const changed = tree.files_pending > 0 || (savedAt !== undefined && savedAt > indexedAt + GRACE_S && tree.watch === "off");
  return changed ? "changed" : null;
}

/** Returns how much of a job is done, from 0 to 100; `null` where that cannot be said. */
export function percentOf(job: Job): number | null {
  const progress = job.progress;
  if (!progress || progress.files_total <= 0 || progress.stage === "scan") {
    return null;
  }
  return Math.min(100, Math.max(0, Math.floor((100 * progress.files_done) / progress.files_total)));
}
