// SPDX-License-Identifier: FSL-1.1-MIT
/**
 * Client of the Conexus daemon.
 *
 * It needs `fetch` and nothing of Node, so that it runs in browsers and web workers too. The types of all messages are
 * generated from the daemon's OpenAPI document, and every call is checked against it.
 */

import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

export type BatchSearchItem = Schemas["BatchSearchItem"];
export type ContextBlock = Schemas["ContextBlock"];
export type ContextRequest = Schemas["ContextRequest"];
export type ContextResponse = Schemas["ContextResponse"];
export type Definition = Schemas["Definition"];
export type EstimateResponse = Schemas["EstimateResponse"];
export type Event = Schemas["Event"];
export type FileRequest = Schemas["FileRequest"];
export type FileResponse = Schemas["FileResponse"];
export type Filter = Schemas["Filter"];
export type IndexRequest = Schemas["IndexRequest"];
export type Job = Schemas["Job"];
export type JobsResponse = Schemas["JobsResponse"];
export type GraphRequest = Schemas["GraphRequest"];
export type CyclesAnswer = Schemas["CyclesAnswer"];
export type DependencyGraph = Schemas["DependencyGraph"];
export type DriftAnswer = Schemas["DriftAnswer"];
export type GraphDriftRequest = Schemas["GraphDriftRequest"];
export type GraphImpactRequest = Schemas["GraphImpactRequest"];
export type GraphListRequest = Schemas["GraphListRequest"];
export type GraphReposRequest = Schemas["GraphReposRequest"];
export type ImpactAnswer = Schemas["ImpactAnswer"];
export type OrphansAnswer = Schemas["OrphansAnswer"];
export type OwnersAnswer = Schemas["OwnersAnswer"];
export type PathAnswer = Schemas["PathAnswer"];
export type GraphResponse = Schemas["GraphResponse"];
export type MapRequest = Schemas["MapRequest"];
export type MapResponse = Schemas["MapResponse"];
export type RelatedFile = Schemas["RelatedFile"];
export type RelatedRequest = Schemas["RelatedRequest"];
export type Repository = Schemas["Repository"];
export type Result = Schemas["Result"];
export type SearchRequest = Schemas["SearchRequest"];
export type SearchResponse = Schemas["SearchResponse"];
export type SimilarRequest = Schemas["SimilarRequest"];
export type StatusResponse = Schemas["StatusResponse"];
export type SymbolsRequest = Schemas["SymbolsRequest"];
export type SymbolsResponse = Schemas["SymbolsResponse"];
export type WhyRequest = Schemas["WhyRequest"];
export type WhyResponse = Schemas["WhyResponse"];

/** Where a daemon is, and how it is called. */
export interface Options {
  /** As `http://127.0.0.1:7520`. */
  url: string;
  /** The daemon's token or an API key. */
  token?: string | undefined;
  /** How long a call may take, in milliseconds; 0 for as long as it takes. 60,000 where it is left out. */
  timeoutMs?: number | undefined;
  /** Another `fetch`, as one that goes through a proxy. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** What one call may have of its own. */
export interface CallOptions {
  /** Gives the call up: it fails with the signal's reason, as `fetch` does. */
  signal?: AbortSignal | undefined;
  /** In place of that of the client. Of what is followed, only the beginning has to come in this time. */
  timeoutMs?: number | undefined;
}

/** What more there is to say of an error. */
export interface ErrorFacts {
  hint?: string | null | undefined;
  details?: Readonly<Record<string, string>> | undefined;
  status?: number | undefined;
  cause?: unknown;
}

/** An error of the daemon, or of the way to it. */
export class ConexusError extends Error {
  override readonly name = "ConexusError";
  /** Stable name, as `not_indexed`. Of this client itself: `unavailable`, `deadline_exceeded`, `invalid_request`. */
  readonly code: string;
  /** What to do next. */
  readonly hint: string | null;
  /** Facts for programs, as `field`. */
  readonly details: Readonly<Record<string, string>>;
  /** The HTTP status, where the daemon answered. */
  readonly status: number | undefined;

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.hint = facts.hint ?? null;
    this.details = facts.details ?? {};
    this.status = facts.status;
  }
}

type Verb = "get" | "post" | "patch" | "delete";
type Operation<P extends keyof paths, V extends Verb> = NonNullable<paths[P][V]>;
type Answer<O> = O extends { responses: { 200: { content: { "application/json": infer A } } } } ? A : never;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? { body: B } : { body?: never };
type InPath<O> = O extends { parameters: { path: infer Q extends object } } ? { path: Q } : { path?: never };
type InQuery<O> = O extends { parameters: { query?: infer Q } } ? { query?: Q } : { query?: never };
type Parts<O> = Body<O> & InPath<O> & InQuery<O>;
type Answered<P extends keyof paths> = {
  [V in Verb]: [Operation<P, V>] extends [never] ? never : [Answer<Operation<P, V>>] extends [never] ? never : V;
}[Verb];

interface Sent {
  body?: unknown;
  path?: object | undefined;
  query?: object | undefined;
}

const TIMEOUT_MS = 60_000;
const MOST_TIMEOUT_MS = 2 ** 31 - 1;
const TOKEN = /^[\x21-\x7e]{1,10000}$/;
const MOST_EVENT_CHARS = 64 * 1024 * 1024;
const OVER: ReadonlySet<Job["state"]> = new Set(["done", "failed", "cancelled"]);

/**
 * Returns a client of a daemon. Nothing is sent before the first call.
 *
 * @throws ConexusError with `invalid_request` where address or token cannot be one.
 */
export function connect(options: Options): Client {
  return new Client(options);
}

/** The operations of a daemon. All of them fail with {@link ConexusError}, or the reason of the signal that was given. */
export class Client {
  /** Where the daemon is. */
  readonly url: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: Options) {
    this.url = checkedUrl(options.url);
    if (options.token !== undefined && !TOKEN.test(options.token)) {
      throw new ConexusError("invalid_request", "the token holds characters that no token has");
    }
    this.#token = options.token;
    this.#timeoutMs = checkedTimeout(options.timeoutMs ?? TIMEOUT_MS);
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** Searches code by meaning and by name. */
  search(question: string | SearchRequest, options?: CallOptions): Promise<SearchResponse> {
    return this.call("post", "/v1/search", { body: asRequest(question) }, options);
  }

  /** Searches for several things at once, up to 50. An error of one is its item, and does not touch the others. */
  async batchSearch(searches: readonly (string | SearchRequest)[], options?: CallOptions): Promise<BatchSearchItem[]> {
    const body = { searches: searches.map(asRequest) };
    return (await this.call("post", "/v1/search/batch", { body }, options)).items;
  }

  /** Packs the best code for a question into a budget of tokens. */
  context(question: string | ContextRequest, options?: CallOptions): Promise<ContextResponse> {
    return this.call("post", "/v1/context", { body: asRequest(question) }, options);
  }

  /** Finds code like that at a place. */
  similar(place: SimilarRequest, options?: CallOptions): Promise<SearchResponse> {
    return this.call("post", "/v1/similar", { body: place }, options);
  }

  /** Finds where a name is defined and, with `uses`, used. */
  symbols(name: string | SymbolsRequest, options?: CallOptions): Promise<SymbolsResponse> {
    const body = typeof name === "string" ? { name } : name;
    return this.call("post", "/v1/symbols", { body }, options);
  }

  /** Finds the files that use a file or are used by it. */
  async related(file: RelatedRequest, options?: CallOptions): Promise<RelatedFile[]> {
    return (await this.call("post", "/v1/related", { body: file }, options)).files;
  }

  /** Reads lines of an indexed file, secrets redacted. */
  file(lines: FileRequest, options?: CallOptions): Promise<FileResponse> {
    return this.call("post", "/v1/file", { body: lines }, options);
  }

  /** Gets an overview of a repository: the most used files and what they define. */
  map(repository: string | MapRequest, options?: CallOptions): Promise<MapResponse> {
    const body = typeof repository === "string" ? { repository } : repository;
    return this.call("post", "/v1/map", { body }, options);
  }

  /** Finds what imports what within a repository. */
  graph(repository: string | GraphRequest, options?: CallOptions): Promise<GraphResponse> {
    const body = typeof repository === "string" ? { repository } : repository;
    return this.call("post", "/v1/graph", { body }, options);
  }

  /** Shows what depends on what across repositories; the edition has to have that, and so for those below. */
  graphRepos(part: GraphReposRequest = {}, options?: CallOptions): Promise<DependencyGraph> {
    return this.call("post", "/v1/graph/repos", { body: part }, options);
  }

  /** Finds what a change may break, with the path that shows it. */
  graphImpact(change: string | GraphImpactRequest, options?: CallOptions): Promise<ImpactAnswer> {
    return this.call("post", "/v1/graph/impact", { body: asChange(change) }, options);
  }

  /** Finds the owners of what a change may break. */
  graphOwners(change: string | GraphImpactRequest, options?: CallOptions): Promise<OwnersAnswer> {
    return this.call("post", "/v1/graph/owners", { body: asChange(change) }, options);
  }

  /** Finds how one thing depends on another by the fewest steps. */
  graphPath(source: string, target: string, options?: CallOptions): Promise<PathAnswer> {
    return this.call("post", "/v1/graph/path", { body: { source, target } }, options);
  }

  /** Finds packages of which repositories ask for different versions. */
  graphDrift(request: GraphDriftRequest = {}, options?: CallOptions): Promise<DriftAnswer> {
    return this.call("post", "/v1/graph/drift", { body: request }, options);
  }

  /** Finds what nobody uses, and what is called and nobody serves. */
  graphOrphans(request: GraphListRequest = {}, options?: CallOptions): Promise<OrphansAnswer> {
    return this.call("post", "/v1/graph/orphans", { body: request }, options);
  }

  /** Finds repositories that depend on each other. */
  graphCycles(request: GraphListRequest = {}, options?: CallOptions): Promise<CyclesAnswer> {
    return this.call("post", "/v1/graph/cycles", { body: request }, options);
  }

  /** Says whether a path is indexed, and which rule decides. */
  why(path: WhyRequest, options?: CallOptions): Promise<WhyResponse> {
    return this.call("post", "/v1/why", { body: path }, options);
  }

  /** Lists the working trees that are indexed. */
  async repositories(options?: CallOptions): Promise<Repository[]> {
    return (await this.call("get", "/v1/repositories", {}, options)).repositories;
  }

  /** Shows the working trees of one repository, by its short name or id. */
  async repository(repository: string, options?: CallOptions): Promise<Repository[]> {
    const path = { repository };
    return (await this.call("get", "/v1/repositories/{repository}", { path }, options)).repositories;
  }

  /** Starts to index a folder, or to bring the index of a repository up to date; see {@link follow}. */
  index(tree: IndexRequest, options?: CallOptions): Promise<Job> {
    return this.call("post", "/v1/index", { body: tree }, options);
  }

  /** Says what indexing would do. */
  estimate(tree: IndexRequest, options?: CallOptions): Promise<EstimateResponse> {
    return this.call("post", "/v1/index/estimate", { body: tree }, options);
  }

  /** Lists index jobs, newest first. */
  jobs(page: { limit?: number; cursor?: string } = {}, options?: CallOptions): Promise<JobsResponse> {
    return this.call("get", "/v1/jobs", { query: page }, options);
  }

  /** Shows an index job as it is now. */
  job(id: string, options?: CallOptions): Promise<Job> {
    return this.call("get", "/v1/jobs/{id}", { path: { id } }, options);
  }

  /** Stops an index job; what it has done is kept. */
  cancel(id: string, options?: CallOptions): Promise<Job> {
    return this.call("post", "/v1/jobs/{id}/cancel", { path: { id } }, options);
  }

  /** Yields an index job as it is now and whenever it changes, until it is over: the last one says how it ended. */
  async *follow(id: string, options?: CallOptions): AsyncGenerator<Job, void, undefined> {
    for await (const job of this.#stream<Job>("/v1/jobs/{id}/events", { id }, options)) {
      yield job;
      if (OVER.has(job.state)) {
        return;
      }
    }
    throw new ConexusError("unavailable", "the daemon ended before the index job did", {
      hint: "the job goes on when the daemon is started again",
    });
  }

  /** Yields what happens from now on, until the daemon ends: `job` where an index job changed, `stopping` at the end. */
  events(options?: CallOptions): AsyncGenerator<Event, void, undefined> {
    return this.#stream<Event>("/v1/events", {}, options);
  }

  /** Shows the daemon and what it serves. */
  status(options?: CallOptions): Promise<StatusResponse> {
    return this.call("get", "/v1/status", {}, options);
  }

  /** Does any operation of the daemon, by its address. */
  async call<P extends keyof paths, V extends Answered<P>>(
    verb: V,
    address: P,
    parts: Parts<Operation<P, V>>,
    options: CallOptions = {},
  ): Promise<Answer<Operation<P, V>>> {
    const limit = new Limit(options, this.#timeoutMs);
    try {
      const response = await this.#sent(verb, address, parts ?? {}, "application/json", limit.signal);
      return parsed(await response.text(), response.status) as Answer<Operation<P, V>>;
    } catch (error) {
      throw limit.reason(error);
    } finally {
      limit.end();
    }
  }

  async *#stream<T>(
    address: keyof paths,
    path: object,
    options: CallOptions = {},
  ): AsyncGenerator<T, void, undefined> {
    const limit = new Limit(options, this.#timeoutMs);
    try {
      const response = await this.#sent("get", address, { path }, "text/event-stream", limit.signal);
      limit.stopClock();
      for await (const { name, data } of messages(response)) {
        const value = parsed(data, response.status);
        if (name === "error") {
          throw failureOf(value, response.status);
        }
        yield value as T;
      }
    } catch (error) {
      throw limit.reason(error);
    } finally {
      limit.end();
    }
  }

  async #sent(
    verb: string,
    address: string,
    { body, path = {}, query = {} }: Sent,
    accept: string,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = { accept };
    if (this.#token !== undefined) {
      headers["authorization"] = `Bearer ${this.#token}`;
    }
    if (body !== undefined) {
      headers["content-type"] = "application/json";
    }
    const response = await this.#fetch(this.url + filled(address, path) + asked(query), {
      method: verb.toUpperCase(),
      headers,
      signal,
      redirect: "error", // the token is for this address alone
      credentials: "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      throw failureOf(parsed(await response.text(), response.status), response.status);
    }
    return response;
  }
}

/** Ends a call when its signal says so or its time is up. */
class Limit {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #timeoutMs: number;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #abort = (): void => this.#controller.abort(this.#given?.reason);
  #late = false;

  constructor(options: CallOptions, timeoutMs: number) {
    this.#given = options.signal;
    this.#timeoutMs = checkedTimeout(options.timeoutMs ?? timeoutMs);
    if (this.#given?.aborted) {
      this.#abort();
    }
    this.#given?.addEventListener("abort", this.#abort, { once: true });
    if (this.#timeoutMs > 0) {
      this.#timer = setTimeout(() => {
        this.#late = true;
        this.#controller.abort();
      }, this.#timeoutMs);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on only the signal ends the call. */
  stopClock(): void {
    clearTimeout(this.#timer);
  }

  /** The call is over. What is still under way for it, as a stream that nobody reads any more, ends too. */
  end(): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }

  /** What a call fails with that failed with this. */
  reason(error: unknown): unknown {
    if (this.#given?.aborted) {
      return this.#given.reason;
    }
    if (this.#late) {
      return new ConexusError("deadline_exceeded", `there was no answer within ${this.#timeoutMs} ms`, {
        hint: "ask for less, or allow more time: timeoutMs",
        cause: error,
      });
    }
    if (error instanceof ConexusError) {
      return error;
    }
    return new ConexusError("unavailable", "the daemon cannot be reached, or the connection broke", {
      hint: "is it running? conexus daemon status",
      cause: error,
    });
  }
}

function asRequest<T extends { query: string }>(question: string | T): T | { query: string } {
  return typeof question === "string" ? { query: question } : question;
}

function asChange(change: string | GraphImpactRequest): GraphImpactRequest {
  return typeof change === "string" ? { targets: [change] } : change;
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new ConexusError("invalid_request", "the daemon's address is no URL", { hint: "as http://127.0.0.1:7520" });
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new ConexusError("invalid_request", "the daemon's address is http:// or https:// with a host and a port", {
      hint: "as http://127.0.0.1:7520; the token is given by itself",
    });
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function checkedTimeout(timeoutMs: number): number {
  if (!(timeoutMs >= 0 && timeoutMs <= MOST_TIMEOUT_MS)) {
    throw new ConexusError("invalid_request", `timeoutMs is from 0 to ${MOST_TIMEOUT_MS}`);
  }
  return timeoutMs;
}

/** Puts values into the places of an address. */
function filled(address: string, values: object): string {
  const found = new Map<string, unknown>(Object.entries(values));
  return address.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = found.get(name);
    // As a part of an address, dots mean a folder, however they are written.
    if (typeof value !== "string" || /^\.{0,2}$/.test(value)) {
      throw new ConexusError("invalid_request", `${name} is no name`, { details: { field: name } });
    }
    return encodeURIComponent(value);
  });
}

function asked(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const texts = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `?${new URLSearchParams(texts)}` : "";
}

function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notOurs(status, error);
  }
}

function notOurs(status: number, cause?: unknown): ConexusError {
  return new ConexusError("unavailable", `what answers there with status ${status} is no Conexus daemon`, {
    status,
    cause,
  });
}

function failureOf(value: unknown, status: number): ConexusError {
  if (!isRecord(value) || typeof value["code"] !== "string" || typeof value["message"] !== "string") {
    return notOurs(status);
  }
  const { hint, details } = value;
  return new ConexusError(value["code"], value["message"], {
    hint: typeof hint === "string" ? hint : null,
    details: isRecord(details)
      ? Object.fromEntries(Object.entries(details).map(([name, fact]) => [name, String(fact)]))
      : {},
    status,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Yields the server-sent events of an answer; comments, which keep the connection, are passed over. */
async function* messages(response: Response): AsyncGenerator<{ name: string; data: string }, void, undefined> {
  if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
    throw notOurs(response.status);
  }
  let name = "message";
  let data: string[] = [];
  let chars = 0;
  for await (const line of lines(response.body)) {
    chars += line.length;
    if (chars > MOST_EVENT_CHARS) {
      throw notOurs(response.status);
    }
    if (line === "") {
      if (data.length) {
        yield { name, data: data.join("\n") };
      }
      [name, data, chars] = ["message", [], 0];
    } else if (line.startsWith("event:")) {
      name = line.slice(6).replace(/^ /, "");
    } else if (line.startsWith("data:")) {
      data.push(line.slice(5).replace(/^ /, ""));
    }
  }
}

/** Yields the lines of a stream; what follows the last line end is none. */
async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let begun = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const [first = "", ...others] = decoder.decode(value, { stream: true }).split("\n");
    begun += first;
    for (const other of others) {
      yield begun.replace(/\r$/, "");
      begun = other;
    }
    if (begun.length > MOST_EVENT_CHARS) {
      throw new ConexusError("unavailable", "an event is too long");
    }
  }
}
