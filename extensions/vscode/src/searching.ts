// SPDX-License-Identifier: FSL-1.1-MIT
/** Questions to the daemon, with the filters of the editor; and the last answer, through which results are opened. */

import { ConexusError, type Filter, type Result, type SearchResponse } from "@conexus/client";
import * as vscode from "vscode";

import { type Filters, patternsOf } from "./messages";
import { within } from "./patterns";
import type { Session } from "./session";
import { setting } from "./settings";
import { jobOf, percentOf } from "./states";

/** That the workspace has nothing that is indexed: to be told with a button. */
export class NothingIndexed extends Error {
  constructor() {
    super(vscode.l10n.t("This workspace is not indexed yet."));
  }
}

/** That the workspace is being indexed for the first time: there is nothing to search yet, and nothing to start. */
export class BeingIndexed extends Error {
  constructor(percent: number | null) {
    super(
      percent === null
        ? vscode.l10n.t("This workspace is being indexed. It can be searched when that is done.")
        : vscode.l10n.t("This workspace is being indexed: {0} %. It can be searched when that is done.", percent),
    );
  }
}

/** A place of code. */
export interface Place {
  root: string;
  path: string;
  line: number;
}

/** What is asked: a question in words, or for code like some other. */
export type Asked =
  | { kind: "question"; query: string; filters?: Filters | undefined }
  /** By its place where the index has it, else by its text. */
  | { kind: "code"; label: string; text: string; place: Place | null };

/** An answer, and where in it one is. */
export interface Answer {
  /** Counts answers, so that a click in an old one opens nothing of a new one. */
  number: number;
  asked: Asked;
  results: Result[];
  complete: boolean;
  notices: string[];
  elapsedMs: number;
}

/** What one search may have of its own. */
export interface SearchOptions {
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

  /**
   * Searches.
   *
   * @throws NothingIndexed, BeingIndexed where the workspace is meant, and nothing of it is indexed.
   */
  async ask(asked: Asked, options: SearchOptions = {}): Promise<Answer> {
    const found = asked.kind === "question" ? await this.#search(asked.query, asked.filters, options) : await this.#similar(asked, options);
    this.#count += 1;
    const { results, complete, notices, elapsed_ms: elapsedMs } = found;
    return { number: this.#count, asked, results, complete, notices, elapsedMs };
  }

  async #search(query: string, filters: Filters | undefined, { limit, signal }: SearchOptions): Promise<SearchResponse> {
    const filter = await this.filter(filters);
    const body = { query, limit: limit ?? setting("search.limit"), filter };
    return this.#session.ask("search", (client) => client.search(body, { signal }));
  }

  /** Finds look-alikes of the code at a place; where the index does not have the file, of its text. */
  async #similar({ place, text }: Asked & { kind: "code" }, options: SearchOptions): Promise<SearchResponse> {
    if (place) {
      const filter = { ...(await this.filter()), tests: true };
      const body = { repository: place.root, path: place.path, line: place.line, limit: options.limit ?? setting("search.limit"), filter };
      try {
        return await this.#session.ask("similar", (client) => client.similar(body, { signal: options.signal }));
      } catch (error) {
        const isLeftOut = error instanceof ConexusError && ["not_found", "not_indexed", "invalid_request"].includes(error.code);
        if (!isLeftOut || text === "") {
          throw error;
        }
      }
    }
    return this.#search(text, undefined, options);
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
      const job = jobOf(this.#session.known, [], this.#session.folders);
      throw job ? new BeingIndexed(percentOf(job)) : new NothingIndexed();
    }
    return filter ?? { tests: true, ref: "" };
  }
}
