// SPDX-License-Identifier: FSL-1.1-MIT
/** The text of a problem report: versions, counts and states, but no code, question, name of a file or secret. Pure. */

import type { Known } from "./states";

/** What the report is of. */
export interface Facts {
  extension: string;
  editor: string;
  node: string;
  platform: string;
  remote: string;
  trusted: boolean;
  folders: number;
  /** Where `conexus` was found: `setting`, `path` … */
  binary: string;
  binaryVersion: string;
  /** Settings that are not as they come; of texts only whether they are set. */
  settings: readonly [name: string, value: string][];
  /** Lines of the extension's log. */
  log: readonly string[];
}

const MOST_LINES = 60;

/** Returns the report in Markdown, for a person to read before they send it. */
export function reportOf(facts: Facts, known: Known): string {
  const { status, features, problem } = known;
  const rows: [string, string | number | boolean][] = [
    ["extension", facts.extension],
    ["editor", facts.editor],
    ["node", facts.node],
    ["platform", facts.platform],
    ["remote", facts.remote || "no"],
    ["trusted", facts.trusted],
    ["folders", facts.folders],
    ["conexus", facts.binary ? `${facts.binaryVersion || "?"} (${facts.binary})` : "not found"],
    ["daemon", status ? `${status.version}, api ${status.api}` : known.link],
    ["edition", features ? `${features.edition}, ${features.repositories} of ${features.max_repositories ?? "any"} repositories` : "?"],
    ["problem", problem ? problem.code : "none"],
    ["working trees", known.repositories.length],
    ["incomplete", known.repositories.filter((one) => !one.complete).length],
    ["watched", known.repositories.map((one) => one.watch).join(", ") || "none"],
    ["files", known.repositories.reduce((all, one) => all + one.files, 0)],
    ["chunks", known.repositories.reduce((all, one) => all + one.chunks, 0)],
    ["index jobs", known.jobs.size],
  ];
  const settings = facts.settings.map(([name, value]) => `- \`${name}\`: ${value}`);
  return [
    "# A problem with Conexus",
    "",
    "What I did, what I expected, and what happened:",
    "",
    "…",
    "",
    "## Facts",
    "",
    "Read this before you send it. It holds no code, no question, no name of a file or repository, and no secret.",
    "",
    "| | |",
    "|---|---|",
    ...rows.map(([name, value]) => `| ${name} | ${String(value).replace(/[|\n\r]/g, " ")} |`),
    "",
    "Settings that differ from their defaults:",
    "",
    ...(settings.length ? settings : ["- none"]),
    "",
    "Log of the extension:",
    "",
    "```text",
    ...facts.log.slice(-MOST_LINES).map((line) => line.replace(/`/g, "'")),
    "```",
    "",
  ].join("\n");
}
