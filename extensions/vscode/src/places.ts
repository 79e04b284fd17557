// SPDX-License-Identifier: FSL-1.1-MIT
/** How folders of the editor and indexed working trees belong together. Pure; paths are absolute and POSIX. */

import type { Filter, Repository } from "@conexus/client";

/** What of the index the folders of a workspace are. */
export interface Coverage {
  /** Trees that are one of the folders, hold one or lie in one. */
  trees: Repository[];
  /** Folders of which nothing is indexed. */
  missing: string[];
  /** Limits a search to the folders; `null` where none of them is indexed. */
  filter: Filter | null;
}

/** Returns what is indexed of folders. Views of branches and commits are not working trees, and do not count. */
export function coverage(folders: readonly string[], repositories: readonly Repository[]): Coverage {
  const trees = new Set<Repository>();
  const missing: string[] = [];
  const below: string[] = [];
  let whole = false;
  for (const folder of folders) {
    const found = treesOf(folder, repositories);
    found.forEach((tree) => trees.add(tree));
    const [first] = found;
    if (!first) {
      missing.push(folder);
    } else if (first.root !== folder && isWithin(folder, first.root)) {
      below.push(`/${asPattern(folder.slice(first.root.length + 1))}/**`);
    } else {
      whole = true;
    }
  }
  if (trees.size === 0) {
    return { trees: [], missing, filter: null };
  }
  const roots = [...trees].map((tree) => tree.root);
  // Patterns count for every tree: with several they would leave out what they are not meant for.
  const paths = !whole && trees.size === 1 ? below : null;
  return { trees: [...trees], missing, filter: { roots, paths, tests: true, ref: "" } };
}

/** Returns the tree that holds a file, the innermost where trees lie in each other, and the file's path in it. */
export function treeOf(file: string, repositories: readonly Repository[]): { tree: Repository; path: string } | null {
  const holding = repositories.filter((one) => isTree(one) && isWithin(file, one.root));
  const [tree] = holding.sort((a, b) => b.root.length - a.root.length);
  return tree ? { tree, path: file.slice(tree.root.length + 1) } : null;
}

/** A folder of the workspace as the editor names it, and where it leads when links are followed. */
export interface Link {
  shown: string;
  real: string;
}

/** Returns where a path of the editor leads: the daemon knows trees by their real paths. */
export function realOf(path: string, links: readonly Link[]): string {
  return moved(path, links.map(({ shown, real }) => [shown, real]));
}

/** Returns the path under which the editor knows a file, so that it is not opened twice. */
export function shownOf(path: string, links: readonly Link[]): string {
  return links.some(({ shown }) => isWithin(path, shown)) ? path : moved(path, links.map(({ shown, real }) => [real, shown]));
}

function moved(path: string, folders: readonly (readonly [from: string, to: string])[]): string {
  const [best] = folders.filter(([from]) => isWithin(path, from)).sort(([a], [b]) => b.length - a.length);
  return best ? best[1] + path.slice(best[0].length) : path;
}

/** Returns the absolute path of a file of a tree, or `null` where the path would lead out of it. */
export function pathIn(root: string, path: string): string | null {
  const parts = path.split("/");
  if (!root.startsWith("/") || path === "" || path.includes("\0") || parts.some((part) => ["", ".", ".."].includes(part))) {
    return null;
  }
  return `${root.replace(/\/+$/, "")}/${path}`;
}

/** Returns a path as a pattern of a gitignore file that means this path alone. */
export function asPattern(path: string): string {
  return path.replace(/[\\*?[\]!# ]/g, "\\$&");
}

/** Whether a path is a folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function isTree(repository: Repository): boolean {
  return repository.root !== "" && repository.ref === "";
}

function treesOf(folder: string, repositories: readonly Repository[]): Repository[] {
  const known = repositories.filter(isTree);
  const holding = known.filter((one) => isWithin(folder, one.root)).sort((a, b) => b.root.length - a.root.length);
  // A repository within another is a tree of its own: the outer one's index does not have its files.
  const within = known.filter((one) => one.root !== folder && isWithin(one.root, folder));
  return [...holding.slice(0, 1), ...within];
}
