// SPDX-License-Identifier: FSL-1.1-MIT
/** Which daemons this extension understands. Pure. */

import type { StatusResponse } from "@conexus/client";

/** The oldest that has all operations that are used. */
export const OLDEST = "0.1.0";
export const API = "v1";

/** Returns what is wrong with a daemon's version: it is `older` or `newer` than what is understood; else `null`. */
export function mismatch(status: Pick<StatusResponse, "version" | "api">): "older" | "newer" | null {
  const version = numbersOf(status.version);
  const oldest = numbersOf(OLDEST);
  if (version === null || oldest === null) {
    return "older";
  }
  if (status.api !== API) {
    return numberOf(status.api) > numberOf(API) ? "newer" : "older";
  }
  const [place] = version.map((_, at) => at).filter((at) => version[at] !== oldest[at]);
  return place !== undefined && (version[place] ?? 0) < (oldest[place] ?? 0) ? "older" : null;
}

function numbersOf(text: string): number[] | null {
  const found = /^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(text);
  return found ? [found[1], found[2], found[3] ?? "0"].map(Number) : null;
}

function numberOf(api: string): number {
  return Number(/^v(\d{1,4})$/.exec(api)?.[1] ?? "0");
}
