// SPDX-License-Identifier: FSL-1.1-MIT
/** Results in the form in which the search view shows them: by file, best first. Pure. */

import type { Result } from "@conexus/client";

import { snippetOf, type SnippetLine, wordsOf } from "./highlight";
import { inLine } from "./text";

/** A result as it is shown. All texts are safe to show as text. */
export interface ShownResult {
  /** Its place in the answer; the view names results by it alone. */
  at: number;
  line: number;
  symbol: string;
  /** First and last line of the chunk. */
  lines: string;
  kind: string;
  score: string;
  freshness: Result["freshness"];
  snippet: SnippetLine[];
}

/** The results of one file. */
export interface ShownFile {
  /** Short name; empty where all results are of one tree. */
  repository: string;
  folder: string;
  name: string;
  results: ShownResult[];
}

/** Returns results by file. Files stand in the order of their best result, results of a file in the order of their lines. */
export function grouped(results: readonly Result[], question: string, snippetLines: number): ShownFile[] {
  const words = wordsOf(question);
  const files = new Map<string, ShownFile>();
  const areSeveral = new Set(results.map((one) => one.root || one.repository)).size > 1;
  results.forEach((result, at) => {
    const key = JSON.stringify([result.root || result.repository, result.path]);
    const file = files.get(key) ?? emptyFile(result, areSeveral);
    files.set(key, file);
    file.results.push({
      at,
      line: result.line,
      symbol: inLine(result.symbol ?? "", 120),
      lines: `${result.start_line}–${result.end_line}`,
      kind: inLine(result.kind, 20),
      score: result.score.toFixed(2),
      freshness: result.freshness,
      snippet: snippetOf(result.text, result.start_line, result.line, words, snippetLines),
    });
  });
  for (const file of files.values()) {
    file.results.sort((a, b) => a.line - b.line);
  }
  return [...files.values()];
}

/** Returns the short name of a repository's id. */
export function shortName(repository: string): string {
  return inLine(repository.split("/").at(-1) ?? repository, 60);
}

function emptyFile(result: Result, areSeveral: boolean): ShownFile {
  const slash = result.path.lastIndexOf("/");
  return {
    repository: areSeveral ? shortName(result.repository) : "",
    folder: inLine(slash < 0 ? "" : result.path.slice(0, slash), 200),
    name: inLine(result.path.slice(slash + 1), 120),
    results: [],
  };
}
