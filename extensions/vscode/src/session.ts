// SPDX-License-Identifier: FSL-1.1-MIT
/** The connection to the daemon: found, started, lost, found again; and what is known through it. */

import { realpath } from "node:fs/promises";

import { type Client, ConexusError, connect, type Job, type StatusResponse } from "@conexus/client";
import { type Address, findDaemon } from "@conexus/client/node";
import * as vscode from "vscode";

import type { Log } from "./log";
import { type Coverage, coverage, type Link, realOf, shownOf, treeOf } from "./places";
import type { Programs } from "./programs";
import { machineSetting } from "./settings";
import { type Condition, conditionOf, type Known, NOTHING_KNOWN, type Problem } from "./states";
import { inLine } from "./text";
import { requireTrust } from "./trust";
import { API, mismatch, OLDEST } from "./versions";

const TOKEN_KEY = "token";
const LOOK_MS = 2_000;
const REFRESH_MS = 15_000;
const CALL_MS = 20_000;
const STATUS_MS = 5_000;
const SETTLE_MS = 200;
const MOST_STARTS = 3;
const STARTS_WITHIN_MS = 5 * 60_000;

/** What is needed to talk to a daemon. */
interface Target {
  url: string;
  token: string | undefined;
  /** Changes when another daemon is there. */
  mark: string;
}

/** Knows the daemon. All other parts ask it, and are told when something changed. */
export class Session implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<Known>();
  readonly onDidChange = this.#changed.event;
  readonly #secrets: vscode.SecretStorage;
  readonly #programs: Programs;
  readonly #log: Log;
  #known: Known = NOTHING_KNOWN;
  #client: Client | null = null;
  #mark = "";
  #links: Link[] = [];
  #looking: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #starts: number[] = [];
  #stopped = false;
  #learntFolder: string | undefined;
  #listening: AbortController | undefined;
  #settling: NodeJS.Timeout | undefined;
  #disposed = false;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(secrets: vscode.SecretStorage, programs: Programs, log: Log) {
    this.#secrets = secrets;
    this.#programs = programs;
    this.#log = log;
  }

  /** What is known now. */
  get known(): Known {
    return this.#known;
  }

  /** Folders of the workspace on this machine, links followed. */
  get folders(): readonly string[] {
    return this.#links.map((link) => link.real);
  }

  /** Returns where a path of the editor leads, as the daemon knows it. */
  real(path: string): string {
    return realOf(path, this.#links);
  }

  /** Returns the path under which the workspace has a file that the daemon names. */
  shown(path: string): string {
    return shownOf(path, this.#links);
  }

  /** What is indexed of the workspace. */
  coverage(): Coverage {
    return coverage(this.folders, this.#known.repositories);
  }

  /** How it stands with the workspace. */
  condition(): Condition {
    return conditionOf(this.#known, this.coverage(), this.folders);
  }

  /** Whether the daemon is one elsewhere, by its address. */
  get isRemote(): boolean {
    return machineSetting("daemon.url") !== "";
  }

  /** Begins to look for a daemon, and goes on until the end. */
  begin(): void {
    void this.#readFolders().then(() => this.look());
    this.#timers.push(
      setInterval(() => {
        if (this.#known.link !== "ready") {
          void this.look();
        }
      }, LOOK_MS),
      setInterval(() => {
        if (this.#known.link === "ready" && vscode.window.state.focused) {
          void this.refresh();
        }
      }, REFRESH_MS),
    );
  }

  /** Folders of the workspace changed. */
  async foldersChanged(): Promise<void> {
    await this.#readFolders();
    this.#tell({});
  }

  /** Something that decides where the daemon is has changed: begins anew. */
  async anew(): Promise<void> {
    this.#programs.forget();
    this.#learntFolder = undefined;
    this.#starts = [];
    this.#lose("looking");
    await this.#looking; // it was begun for what held before
    this.#lose("looking");
    await this.look();
  }

  /** Looks for the daemon now; resolves when it is known how it stands. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Starts the daemon because the user says so. */
  async start(): Promise<void> {
    requireTrust();
    this.#stopped = false;
    this.#starts = [];
    this.#programs.forget();
    await this.#start(true);
    await this.look();
  }

  /** Ends the daemon because the user says so; it is not started again unasked. */
  async stop(): Promise<void> {
    requireTrust();
    const binary = await this.#programs.find();
    this.#stopped = true;
    if (binary) {
      await this.#programs.stopDaemon(binary);
    }
    this.#lose("absent");
    await this.look();
  }

  /** Keeps the token of the daemon's address, or forgets it. */
  async setToken(token: string | undefined): Promise<void> {
    await (token === undefined ? this.#secrets.delete(TOKEN_KEY) : this.#secrets.store(TOKEN_KEY, token));
    await this.anew();
  }

  /** Whether a token is kept. */
  async hasToken(): Promise<boolean> {
    return (await this.#secrets.get(TOKEN_KEY)) !== undefined;
  }

  /** A file was saved here. */
  noteSaved(file: string): void {
    const found = treeOf(this.real(file), this.#known.repositories);
    if (found) {
      this.#tell({ saved: new Map(this.#known.saved).set(found.tree.root, Date.now() / 1000) });
    }
  }

  /**
   * Asks the daemon. Where it was restarted meanwhile, the question is asked once more.
   *
   * @throws ConexusError; the reason of a signal where the question was given up.
   */
  async ask<T>(operation: string, question: (client: Client) => Promise<T>): Promise<T> {
    if (this.#client === null) {
      await this.look();
    }
    const begun = performance.now();
    try {
      const answer = await this.#asked(question);
      this.#log.info(`${operation}: ok, ${Math.round(performance.now() - begun)} ms`);
      return answer;
    } catch (error) {
      if (error instanceof ConexusError) {
        this.#log.warn(`${operation}: ${error.code}, ${Math.round(performance.now() - begun)} ms`);
        this.#log.trouble(`${operation}: ${error.message}`);
      }
      throw error;
    }
  }

  /** Reads again what is indexed. */
  async refresh(): Promise<void> {
    const client = this.#client;
    if (client === null) {
      await this.look();
      return;
    }
    try {
      await this.#read(client);
    } catch {
      this.#lose("looking");
      await this.look();
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.#timers.forEach((timer) => clearInterval(timer));
    clearTimeout(this.#settling);
    this.#listening?.abort();
    this.#changed.dispose();
  }

  async #asked<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#usable();
    try {
      return await question(client);
    } catch (error) {
      if (!(error instanceof ConexusError && ["unavailable", "unauthenticated"].includes(error.code))) {
        throw error;
      }
      const mark = this.#mark;
      this.#lose("looking");
      await this.look();
      if (this.#mark === mark || this.#client === null) {
        throw error;
      }
      return question(this.#usable());
    }
  }

  #usable(): Client {
    if (this.#client) {
      return this.#client;
    }
    const { problem, link } = this.#known;
    if (problem) {
      throw new ConexusError(problem.code, problem.message, { hint: problem.hint });
    }
    throw link === "missing"
      ? new ConexusError("unavailable", vscode.l10n.t("Conexus is not installed, or was not found."))
      : new ConexusError("unavailable", vscode.l10n.t("No daemon runs."));
  }

  async #look(): Promise<void> {
    if (this.#disposed) {
      return;
    }
    try {
      const target = await this.#target();
      if (target) {
        await this.#connect(target);
      } else {
        await this.#absent();
      }
    } catch (error) {
      // A daemon that was killed leaves its address behind, and its process may not be buried yet. The program looks at
      // a lock, and knows better: it starts one only where none runs.
      if (error instanceof ConexusError && error.code === "unavailable" && !this.isRemote) {
        await this.#absent().catch((other: unknown) => this.#fail(other));
      } else {
        this.#fail(error);
      }
    }
  }

  async #target(): Promise<Target | null> {
    const url = machineSetting("daemon.url");
    if (url !== "") {
      const token = await this.#secrets.get(TOKEN_KEY);
      return { url, token, mark: `${url} ${token === undefined ? "" : "token"}` };
    }
    const found = await this.#local();
    return found && { url: found.http, token: found.token, mark: `${found.http} ${found.pid} ${found.startedAt}` };
  }

  async #local(): Promise<Address | null> {
    const folder = machineSetting("dataFolder") || this.#learntFolder;
    return findDaemon({ dataFolder: folder });
  }

  async #connect(target: Target): Promise<void> {
    const client = connect({ url: target.url, token: target.token, timeoutMs: CALL_MS });
    const status = await client.status({ timeoutMs: STATUS_MS });
    if (this.#isRefused(status)) {
      return;
    }
    this.#client = client;
    const isNew = this.#mark !== target.mark || this.#known.link !== "ready";
    this.#mark = target.mark;
    await this.#read(client);
    if (isNew && this.#known.link === "ready") {
      this.#log.info(`daemon ${status.version} is there, ${status.edition} edition`);
      void this.#listen(client);
    }
  }

  async #read(client: Client): Promise<void> {
    const [status, repositories, { jobs }, features] = await Promise.all([
      client.status({ timeoutMs: STATUS_MS }),
      client.repositories(),
      client.jobs({ limit: 50 }),
      client.call("get", "/v1/features", {}),
    ]);
    if (this.#isRefused(status)) {
      return;
    }
    const active = jobs.filter((job) => job.state === "queued" || job.state === "running");
    if (client === this.#client) {
      const found = new Map(active.map((job) => [job.root || job.repository, job]));
      this.#tell({ link: "ready", problem: null, status, repositories, features, jobs: found });
    }
  }

  /** Whether a daemon's version is not understood; it is not used then. */
  #isRefused(status: StatusResponse): boolean {
    const wrong = mismatch(status);
    if (wrong) {
      this.#lose("failed", wrongVersion(status.version, wrong), { status });
    }
    return wrong !== null;
  }

  /** Follows what the daemon says of index jobs, until it ends. */
  async #listen(client: Client): Promise<void> {
    this.#listening?.abort();
    const listening = new AbortController();
    this.#listening = listening;
    try {
      for await (const { job } of client.events({ signal: listening.signal })) {
        if (job) {
          this.noteJob(job);
        }
      }
    } catch {
      // lost, or given up: what follows says which
    }
    if (!listening.signal.aborted && client === this.#client) {
      this.#log.info("the daemon ended, or the connection broke");
      this.#lose("looking");
      await this.look();
    }
  }

  /** A job is as it is now. */
  noteJob(job: Job): void {
    const jobs = new Map(this.#known.jobs);
    const isOver = job.state !== "queued" && job.state !== "running";
    if (isOver) {
      jobs.delete(job.root || job.repository);
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => void this.refresh(), SETTLE_MS);
    } else {
      jobs.set(job.root || job.repository, job);
    }
    this.#tell({ jobs });
  }

  async #absent(): Promise<void> {
    if (this.#starting) {
      return;
    }
    const mayStart = vscode.workspace.isTrusted && !this.#stopped && machineSetting("daemon.autoStart");
    if (mayStart && this.#links.length > 0 && this.#hasStartsLeft()) {
      await this.#start(false);
      return;
    }
    const isMissing = vscode.workspace.isTrusted && (await this.#programs.find()) === null;
    this.#lose(isMissing ? "missing" : "absent", isMissing ? wrongPath() : null);
  }

  #hasStartsLeft(): boolean {
    const since = Date.now() - STARTS_WITHIN_MS;
    this.#starts = this.#starts.filter((at) => at > since);
    return this.#starts.length < MOST_STARTS;
  }

  async #start(isAsked: boolean): Promise<void> {
    const binary = await this.#programs.find();
    if (!binary) {
      this.#lose("missing", wrongPath());
      return;
    }
    this.#starting ??= (async () => {
      this.#lose("starting");
      this.#starts.push(Date.now());
      const ended = await this.#programs.startDaemon(binary);
      if (ended.code === 0 && !(await this.#local())) {
        this.#learntFolder = (await this.#programs.dataFolderOf(binary)) ?? undefined;
      }
      const target = ended.code === 0 ? await this.#target() : null;
      if (target) {
        await this.#connect(target);
      } else {
        this.#lose("absent", notStarted(ended.err));
      }
    })().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
    if (isAsked && this.#known.problem) {
      throw new ConexusError(this.#known.problem.code, this.#known.problem.message, { hint: this.#known.problem.hint });
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ConexusError) {
      const { code, message, hint } = error;
      const setToken = vscode.l10n.t("Its token is set by the command Conexus: Set the Token of the Daemon's Address.");
      const checkAddress = vscode.l10n.t("Check the setting conexus.daemon.url, and whether a daemon runs there.");
      const told = this.isRemote ? { unauthenticated: setToken, unavailable: checkAddress }[code] : undefined;
      this.#lose("failed", { code, message, hint: told ?? hint ?? "" });
    } else {
      this.#lose("failed", { code: "internal", message: String(error), hint: "" });
    }
  }

  #lose(link: Known["link"], problem: Problem | null = null, more: Partial<Known> = {}): void {
    this.#client = null;
    this.#listening?.abort();
    if (problem && problem.code !== this.#known.problem?.code) {
      this.#log.warn(`no daemon: ${problem.code}`);
      this.#log.trouble(problem.message);
    }
    this.#tell({ link, problem, status: null, features: null, repositories: [], jobs: new Map(), ...more });
  }

  #tell(changes: Partial<Known>): void {
    this.#known = { ...this.#known, ...changes };
    if (!this.#disposed) {
      this.#changed.fire(this.#known);
    }
  }

  async #readFolders(): Promise<void> {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === "file");
    this.#links = await Promise.all(
      folders.map(async ({ uri: { fsPath } }) => ({ shown: fsPath, real: await realpath(fsPath).catch(() => fsPath) })),
    );
  }
}

function wrongVersion(version: string, wrong: "older" | "newer"): Problem {
  return {
    code: "wrong_version",
    message: vscode.l10n.t("The daemon is version {0}; this extension needs {1} or later, with interface {2}.", version, OLDEST, API),
    hint:
      wrong === "older"
        ? vscode.l10n.t("Update Conexus, then restart the daemon.")
        : vscode.l10n.t("Update this extension."),
  };
}

/** What is wrong where the setting of the program is set, and there is none. */
function wrongPath(): Problem | null {
  const path = machineSetting("path");
  return path === ""
    ? null
    : {
        code: "missing",
        message: vscode.l10n.t("The setting conexus.path names {0}: there is no program that can be run.", inLine(path, 200)),
        hint: vscode.l10n.t("Correct the setting, or empty it: then Conexus is looked for."),
      };
}

function notStarted(said: string): Problem {
  const line = said.trim().split("\n").find((one) => one.startsWith("error:")) ?? said.trim().split("\n").at(-1) ?? "";
  return {
    code: "not_started",
    message: vscode.l10n.t("The daemon could not be started: {0}", line.replace(/^error: */, "") || "?"),
    hint: vscode.l10n.t("The output channel has what it said."),
  };
}
