// SPDX-License-Identifier: FSL-1.1-MIT
/** Questions to the daemon, with the filters of the editor; and the last answer, through which results are opened. */

import type { Filter, Result, SearchResponse } from "@conexus/client";
import * as vscode from "vscode";

import { type Filters, patternsOf } from "./messages";
import type { Session } from "./session";
import { setting } from "./settings";

/** That the workspace has nothing that is indexed: to be told with a button. */
export class NothingIndexed extends Error {
  constructor() {
    super(vscode.l10n.t("This workspace is not indexed yet."));
  }
}

/** An answer, and where in it one is. */
export interface Answer {
  /** Counts answers, so that a click in an old one opens nothing of a new one. */
  number: number;
  query: string;
  results: Result[];
  complete: boolean;
  notices: string[];
  elapsedMs: number;
}

/** What one search may have of its own. */
export interface SearchOptions {
  filters?: Filters;
  limit?: number;
  signal?: AbortSignal;
}

/** Asks questions. */
export class Searching {
  readonly #session: Session;
  #count = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Searches. Throws {@link NothingIndexed} where the workspace is meant, and nothing of it is indexed. */
  async search(query: string, { filters, limit, signal }: SearchOptions = {}): Promise<Answer> {
    const filter = await this.filter(filters);
    const body = { query, limit: limit ?? Math.max(1, setting("search.limit")), filter };
    const found = await this.#session.ask("search", (client) => client.search(body, { signal }));
    return this.#answer(query, found);
  }

  /** Finds look-alikes of the code at a line of an indexed file. */
  async similar(root: string, path: string, line: number): Promise<Answer> {
    const filter = { ...(await this.filter()), tests: true };
    const body = { repository: root, path, line, limit: Math.max(1, setting("search.limit")), filter };
    const found = await this.#session.ask("similar", (client) => client.similar(body));
    return this.#answer(vscode.l10n.t("code like {0}:{1}", path, line), found);
  }

  /** Returns the filter for a search: that of the workspace, narrowed. */
  async filter(filters?: Filters): Promise<Filter> {
    const where = filters?.where ?? setting("search.scope");
    const narrowed = {
      tests: filters?.tests ?? setting("search.tests"),
      languages: filters?.language ? [filters.language] : null,
      kinds: filters?.kind ? ([filters.kind] as NonNullable<Filter["kinds"]>) : null,
      ref: "",
    };
    const patterns = patternsOf(filters?.path ?? "");
    const limits = await this.#limits(where);
    const paths = patterns.length ? { paths: limits.paths?.length ? within(limits.paths, patterns) : patterns } : {};
    return { ...limits, ...narrowed, ...paths };
  }

  async #limits(where: string): Promise<Filter> {
    if (this.#session.known.link !== "ready") {
      await this.#session.look();
    }
    const { repositories, link } = this.#session.known;
    if (where === "all" || (where === "workspace" && this.#session.isRemote && repositories.every((one) => one.root === ""))) {
      return { tests: true, ref: "" };
    }
    if (where !== "workspace") {
      return { tests: true, ref: "", ...(where.startsWith("/") ? { roots: [where] } : { repositories: [where] }) };
    }
    const { filter } = this.#session.coverage();
    if (filter === null && link === "ready") {
      throw new NothingIndexed();
    }
    return filter ?? { tests: true, ref: "" };
  }

  #answer(query: string, found: SearchResponse): Answer {
    this.#count += 1;
    const { results, complete, notices, elapsed_ms: elapsedMs } = found;
    return { number: this.#count, query, results, complete, notices, elapsedMs };
  }
}

/** Patterns of the user's within a folder: a path has to fit one, so that both are one pattern. */
function within(folders: readonly string[], patterns: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    const head = folder.replace(/\*\*$/, "");
    return patterns.map((pattern) => {
      const rest = pattern.replace(/^\//, "");
      return pattern.startsWith("/") || rest.replace(/\/$/, "").includes("/") ? head + rest : `${head}**/${rest}`;
    });
  });
}
