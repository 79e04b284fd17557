// SPDX-License-Identifier: FSL-1.1-MIT
/** Patterns of a path filter, as in a gitignore file. Pure. */

/** Returns patterns that mean within folders what the user's mean; a path has to fit one. Those that begin with `!` leave out. */
export function within(folders: readonly string[], patterns: readonly string[]): string[] {
  const moved = folders.flatMap((folder) => {
    const head = folder.replace(/\*\*$/, "");
    return patterns.map((pattern) => {
      const mark = pattern.startsWith("!") ? "!" : "";
      const bare = pattern.slice(mark.length);
      const rest = bare.replace(/^\//, "");
      const isPlaced = bare.startsWith("/") || rest.replace(/\/$/, "").includes("/");
      return mark + (isPlaced ? head + rest : `${head}**/${rest}`);
    });
  });
  // With nothing but exceptions all else of the folders is meant.
  return patterns.every((one) => one.startsWith("!")) ? [...folders, ...moved] : moved;
}
