// SPDX-License-Identifier: FSL-1.1-MIT
/** What the search view and the extension say to each other, checked. Pure; both sides use it. */

import type { ShownFile } from "./grouping";

/** The filters of the view. */
export interface Filters {
  /** `workspace`, `all`, or the root or id of a repository. */
  where: string;
  language: string;
  kind: string;
  tests: boolean;
  path: string;
}

/** How a result is opened. */
export type OpenMode = "open" | "preview" | "side";

/** What the view says. */
export type FromView =
  | { type: "ready" }
  | { type: "search"; query: string; filters: Filters; remember: boolean }
  | { type: "open"; answer: number; at: number; mode: OpenMode }
  | { type: "more" }
  | { type: "focused"; focused: boolean }
  | { type: "run"; command: ViewCommand };

/** What buttons of the view do. */
export type ViewCommand = (typeof VIEW_COMMANDS)[number];

const VIEW_COMMANDS = ["indexWorkspace", "cancelIndexing", "startDaemon", "install", "showMenu", "explainLimit", "copyContext"] as const;

/** A choice of a filter. */
export interface Choice {
  value: string;
  label: string;
}

/** What the view shows beside results. */
export interface Surroundings {
  /** Whether the lists below are those of a daemon; else what is chosen stays as it is. */
  known: boolean;
  /** What the settings say where the user has chosen nothing in the view. */
  usual: Pick<Filters, "where" | "tests">;
  where: Choice[];
  languages: string[];
  kinds: Choice[];
  history: string[];
  /** A line with a button, in place of results where there are none. */
  notice: { text: string; button: string; command: ViewCommand } | null;
  texts: Record<string, string>;
}

/** What the extension says. */
export type ToView =
  | { type: "surroundings"; surroundings: Surroundings }
  | { type: "busy" }
  | { type: "answer"; answer: number; about: string; files: ShownFile[]; said: string; notices: string[]; more: boolean; copy: boolean }
  | { type: "failed"; message: string; hint: string }
  | { type: "cleared" }
  | { type: "unanswered" }
  | { type: "ask"; query: string; where: string | null }
  | { type: "focus" };

export const NO_FILTERS: Filters = { where: "workspace", language: "", kind: "", tests: true, path: "" };
export const MOST_QUERY_CHARS = 8000;
export const MOST_FILTER_CHARS = 1000;

/** Returns a message of the view, or `null` where it is none. */
export function fromView(value: unknown): FromView | null {
  if (!isRecord(value)) {
    return null;
  }
  switch (value.type) {
    case "ready":
    case "more":
      return { type: value.type };
    case "focused":
      return typeof value.focused === "boolean" ? { type: "focused", focused: value.focused } : null;
    case "search": {
      const query = textOf(value.query, MOST_QUERY_CHARS);
      const filters = filtersOf(value.filters);
      const remember = value.remember;
      return query === null || filters === null || typeof remember !== "boolean" ? null : { type: "search", query, filters, remember };
    }
    case "open": {
      const { answer, at, mode } = value;
      const isPlace = Number.isSafeInteger(answer) && Number.isSafeInteger(at) && isMode(mode);
      return isPlace ? { type: "open", answer: answer as number, at: at as number, mode: mode } : null;
    }
    case "run": {
      const command = VIEW_COMMANDS.find((one) => one === value.command);
      return command ? { type: "run", command } : null;
    }
    default:
      return null;
  }
}

/** Returns filters, or `null` where a value is none. */
export function filtersOf(value: unknown): Filters | null {
  if (!isRecord(value)) {
    return null;
  }
  const [where, language, kind, path] = ["where", "language", "kind", "path"].map((name) => textOf(value[name], MOST_FILTER_CHARS));
  const tests = value.tests;
  const isText = (one: string | null | undefined): one is string => typeof one === "string";
  if (!isText(where) || !isText(language) || !isText(kind) || !isText(path) || typeof tests !== "boolean") {
    return null;
  }
  return { where, language, kind, tests, path };
}

/** Returns the patterns of a filter by path: several are parted by commas. A folder means all in it. */
export function patternsOf(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "");
}

function isMode(value: unknown): value is OpenMode {
  return value === "open" || value === "preview" || value === "side";
}

function textOf(value: unknown, most: number): string | null {
  return typeof value === "string" && value.length <= most ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
