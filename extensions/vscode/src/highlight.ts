// SPDX-License-Identifier: FSL-1.1-MIT
/** Which parts of a piece of code a question speaks of, and which of its lines are worth showing. Pure. */

import { visible } from "./text";

/** A part of a line. */
export interface Segment {
  text: string;
  /** Whether the question speaks of it. */
  hit: boolean;
}

/** A line of a snippet. */
export interface SnippetLine {
  /** In the file, from 1. */
  number: number;
  segments: Segment[];
}

const WORD = /[\p{L}\p{N}]+/gu;
const HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})/gu;
const LEAST_CHARS = 3;
const MOST_WORDS = 24;
const MOST_LINE_CHARS = 240;
const COMMON = new Set(
  ["the", "and", "for", "with", "that", "this", "from", "into", "how", "where", "what", "when", "which", "who", "why"].concat(
    ["are", "was", "does", "did", "has", "have", "its", "not", "can", "all", "any", "get", "use", "used"],
  ),
);

/** Returns the words of a question that are looked for in code: lower case, longest first, names also in their parts. */
export function wordsOf(question: string): string[] {
  const found = new Set<string>();
  for (const [word] of question.matchAll(WORD)) {
    for (const part of [word, ...word.split(HUMP)]) {
      const small = part.toLowerCase();
      if (small.length >= LEAST_CHARS && !COMMON.has(small)) {
        found.add(small.length > 5 ? small.replace(/(?:ies|ing|ed|es|s)$/u, "") : small);
      }
    }
  }
  return [...found].sort((a, b) => b.length - a.length).slice(0, MOST_WORDS);
}

/** Returns a line in segments, so that what holds one of the words stands apart. */
export function segmentsOf(line: string, words: readonly string[]): Segment[] {
  const text = line.length > MOST_LINE_CHARS ? `${line.slice(0, MOST_LINE_CHARS)}…` : line;
  if (words.length === 0) {
    return [{ text, hit: false }];
  }
  const pattern = new RegExp(words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "\\$&")).join("|"), "giu");
  const found: Segment[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) {
      found.push({ text: text.slice(at, match.index), hit: false });
    }
    found.push({ text: match[0], hit: true });
    at = match.index + match[0].length;
  }
  if (at < text.length || found.length === 0) {
    found.push({ text: text.slice(at), hit: false });
  }
  return found;
}

/**
 * Returns at most `most` neighbouring lines of a chunk, without blank ones: from the line to open, or those that say most
 * of the question.
 *
 * @param first - The number of the chunk's first line in its file.
 * @param opened - The line that is opened.
 */
export function snippetOf(text: string, first: number, opened: number, words: readonly string[], most: number): SnippetLine[] {
  const lines = visible(text).replace(/\n+$/, "").split("\n");
  if (most <= 0 || (lines.length === 1 && lines[0]?.trim() === "")) {
    return [];
  }
  const parted = lines
    .map((line, place) => ({ number: first + place, segments: segmentsOf(line, words), isBlank: line.trim() === "" }))
    .filter((line) => !line.isBlank);
  const counted = parted.map(({ segments }) => new Set(segments.filter((one) => one.hit).map((one) => one.text.toLowerCase())).size);
  const wanted = parted.findIndex((line) => line.number >= opened);
  const start = bestStart(counted, Math.min(most, parted.length), wanted);
  return trimmedLeft(parted.slice(start, start + most).map(({ number, segments }) => ({ number, segments })));
}

/** The window that has the most hits; among equals the one that begins at the opened line, then the first. */
function bestStart(counted: readonly number[], size: number, opened: number): number {
  const last = counted.length - size;
  const wanted = Math.min(Math.max(opened, 0), last);
  const sum = (start: number): number => counted.slice(start, start + size).reduce((all, one) => all + one, 0);
  let best = wanted;
  for (let start = 0; start <= last; start++) {
    if (sum(start) > sum(best) + 1) {
      best = start; // one hit more is not worth leaving the definition
    }
  }
  return best;
}

/** Takes away the indentation that all lines share. */
function trimmedLeft(lines: SnippetLine[]): SnippetLine[] {
  const indents = lines
    .map((line) => line.segments.map((one) => one.text).join(""))
    .filter((text) => text.trim() !== "")
    .map((text) => text.length - text.trimStart().length);
  const shared = indents.length ? Math.min(...indents) : 0;
  for (const { segments } of lines) {
    const [head] = segments;
    if (head && !head.hit) {
      head.text = head.text.slice(Math.min(shared, head.text.length - head.text.trimStart().length));
    }
  }
  return lines;
}
