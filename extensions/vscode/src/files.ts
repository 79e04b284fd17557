// SPDX-License-Identifier: FSL-1.1-MIT
/** Whether a result's file is still the one that was indexed: within its tree, links followed. */

import { realpath, stat } from "node:fs/promises";

import { isWithin, pathIn } from "./places";

/** What is where a result's file was. */
export type Found = { kind: "file"; path: string } | { kind: "gone" } | { kind: "outside" };

/** Returns what is at a path of a tree. A link that leads out of the tree is not followed. */
export async function fileIn(root: string, path: string): Promise<Found> {
  const full = pathIn(root, path);
  if (full === null) {
    return { kind: "gone" };
  }
  try {
    const [folder, file] = await Promise.all([realpath(root), realpath(full)]);
    if (!isWithin(file, folder)) {
      return { kind: "outside" };
    }
    return (await stat(file)).isFile() ? { kind: "file", path: full } : { kind: "gone" };
  } catch {
    return { kind: "gone" };
  }
}
