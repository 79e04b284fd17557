// SPDX-License-Identifier: FSL-1.1-MIT
/** Checks values of settings against the manifest, as the editor only marks wrong ones. Pure. */

import { join } from "node:path";

/** What the manifest says of a setting. */
export interface Rule {
  type: string;
  default: unknown;
  minimum?: number;
  maximum?: number;
  enum?: unknown[];
  pattern?: string;
  patternErrorMessage?: string;
}

/** Whether a value is one that the manifest allows. */
export function isAllowed(value: unknown, rule: Rule): boolean {
  switch (rule.type) {
    case "integer":
      return Number.isSafeInteger(value) && (value as number) >= (rule.minimum ?? -Infinity) && (value as number) <= (rule.maximum ?? Infinity);
    case "boolean":
      return typeof value === "boolean";
    default:
      return typeof value === "string" && (rule.enum?.includes(value) ?? true) && new RegExp(rule.pattern ?? "", "u").test(value);
  }
}

/** Returns a path with the home folder in the place of `~`. */
export function withHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
}
