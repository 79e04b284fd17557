// SPDX-License-Identifier: FSL-1.1-MIT
/** Finds the line of a chunk in a file that has changed since. Pure. */

/** Where a chunk was. */
export interface Chunk {
  text: string;
  start_line: number;
  /** The line to open. */
  line: number;
}

const MOST_AWAY = 2000;

/**
 * Returns the line, from 1, at which a chunk is opened: where its first line of text is now, nearest to where it was.
 *
 * Secrets are replaced in indexed text: where the line is not found, the old number is as good as any.
 */
export function lineOf(chunk: Chunk, lines: readonly string[]): number {
  const texts = chunk.text.split("\n");
  const wanted = chunk.line - chunk.start_line;
  const offset = texts[wanted]?.trim() ? wanted : texts.findIndex((text) => text.trim() !== "");
  const text = texts[offset]?.trim() ?? "";
  const old = chunk.start_line + offset;
  if (text !== "") {
    for (let away = 0; away <= MOST_AWAY; away++) {
      for (const line of away === 0 ? [old] : [old - away, old + away]) {
        if (line >= 1 && lines[line - 1]?.trim() === text) {
          return line + (wanted - offset);
        }
      }
    }
  }
  return Math.min(Math.max(1, chunk.line), Math.max(1, lines.length));
}
