// SPDX-License-Identifier: FSL-1.1-MIT
/** Keeps the same message from being shown twice at once. Pure. */

const SAME_MS = 1_000;

/** Knows what was said a moment ago: a notification may hide itself without a word, so that only time tells. */
export class Repeats {
  #text = "";
  #at = Number.NEGATIVE_INFINITY;

  /** Whether a text was said a moment ago; else it counts as said now. */
  isRepeat(text: string, now: number): boolean {
    if (text === this.#text && now - this.#at < SAME_MS) {
      return true;
    }
    this.#text = text;
    this.#at = now;
    return false;
  }
}
