// SPDX-License-Identifier: FSL-1.1-MIT
/** The search view: a page without rights of its own. It gets texts, and names results by their place in an answer. */

import { randomBytes } from "node:crypto";

import type { Repository } from "@conexus/client";
import * as vscode from "vscode";

import { grouped, shortName } from "./grouping";
import type { Contexts } from "./contexts";
import type { History } from "./history";
import { type Filters, fromView, type FromView, MOST_FILTER_CHARS, MOST_QUERY_CHARS, type OpenMode, type Surroundings, type ToView } from "./messages";
import { kinds } from "./kinds";
import { inWords, type Notices } from "./notices";
import type { Opener } from "./opener";
import { type Answer, type Asked, BeingIndexed, NothingIndexed, type Searching } from "./searching";
import type { Session } from "./session";
import { setting } from "./settings";
import { namesOf } from "./status_item";
import { inLine, joined } from "./text";

export const VIEW = "conexus.search";
const MORE = 3;
const MOST_RESULTS = 200;

/** What the view needs. */
export interface SearchViewParts {
  extensionUri: vscode.Uri;
  session: Session;
  searching: Searching;
  opener: Opener;
  history: History;
  notices: Notices;
  contexts: Contexts;
}

/** Shows questions, filters and results. */
export class SearchView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #parts: SearchViewParts;
  #view: vscode.WebviewView | undefined;
  #isReady = false;
  #waiting: ToView[] = [];
  #asking: AbortController | undefined;
  #answer: Answer | null = null;
  #limit = 0;
  #hasFocus = false;
  #at = -1;

  constructor(parts: SearchViewParts) {
    this.#parts = parts;
    parts.session.onDidChange(() => this.#sendSurroundings());
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    this.#isReady = false;
    const folder = (name: string): vscode.Uri => vscode.Uri.joinPath(this.#parts.extensionUri, name);
    view.webview.options = { enableScripts: true, localResourceRoots: [folder("dist"), folder("media")] };
    view.webview.html = page(
      view.webview.cspSource,
      randomBytes(16).toString("base64"),
      view.webview.asWebviewUri(vscode.Uri.joinPath(folder("dist"), "search.js")),
      view.webview.asWebviewUri(vscode.Uri.joinPath(folder("media"), "search.css")),
    );
    view.webview.onDidReceiveMessage((message: unknown) => {
      const said = fromView(message);
      if (said) {
        void this.#hear(said).catch((error: unknown) => this.#parts.notices.error(error));
      }
    });
    view.onDidDispose(() => {
      this.#view = undefined;
      this.#isReady = false;
    });
  }

  /** Shows the view with the cursor in the question. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.#send({ type: "focus" });
  }

  /** Whether the focus is in the page. */
  get hasFocus(): boolean {
    return this.#hasFocus && this.#view?.visible === true;
  }

  /** Asks a question in the view, within a repository where one is named. */
  async ask(query: string, where: string | null = null): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.#send({ type: "ask", query, where });
  }

  /** Shows what is like some code; the question that stood there is taken away. */
  async alike(asked: Asked & { kind: "code" }): Promise<void> {
    const limit = setting("search.limit");
    const answer = await this.#parts.searching.ask(asked, { limit });
    this.#asking?.abort();
    this.#limit = limit;
    this.#keep(answer);
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.#sendAnswer();
  }

  /** What stands around the answer has changed: the history, or a setting. */
  refresh(): void {
    this.#sendSurroundings();
  }

  clear(): void {
    this.#asking?.abort();
    this.#keep(null);
    this.#send({ type: "cleared" });
  }

  /** Opens the next or the one before, in the order of the list. */
  async step(by: 1 | -1): Promise<void> {
    const order = this.#order();
    if (!this.#answer || order.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t("There are no results: search first."));
      return;
    }
    const place = order.indexOf(this.#at);
    const next = place < 0 ? (by > 0 ? 0 : order.length - 1) : (place + by + order.length) % order.length;
    await this.#open(order[next] ?? 0, "open");
  }

  dispose(): void {
    this.#asking?.abort();
  }

  async #hear(said: FromView): Promise<void> {
    switch (said.type) {
      case "ready":
        this.#isReady = true;
        this.#sendSurroundings();
        if (this.#answer) {
          this.#sendAnswer();
        } else {
          this.#send({ type: "unanswered" });
        }
        this.#waiting.splice(0).forEach((message) => this.#send(message));
        return;
      case "search":
        this.#limit = setting("search.limit");
        await this.#search(said.query, said.filters, said.remember);
        return;
      case "more":
        this.#limit = Math.min(MOST_RESULTS, this.#limit * MORE);
        await this.#ask(this.#answer?.asked, false);
        return;
      case "focused":
        this.#hasFocus = said.focused;
        return;
      case "open":
        if (said.answer === this.#answer?.number) {
          await this.#open(said.at, said.mode);
        }
        return;
      case "run":
        await (said.command === "copyContext" ? this.#copy() : vscode.commands.executeCommand(`conexus.${said.command}`));
    }
  }

  /** Copies context for what was asked, under the filters of the view. */
  async #copy(): Promise<void> {
    const asked = this.#answer?.asked;
    if (asked) {
      const isQuestion = asked.kind === "question";
      await this.#parts.contexts.copy(isQuestion ? asked.query : asked.text, isQuestion ? asked.filters : undefined);
    }
  }

  async #search(text: string, filters: Filters, remember: boolean): Promise<void> {
    const query = text.trim();
    await this.#ask(query === "" ? undefined : { kind: "question", query, filters }, remember);
  }

  async #ask(asked: Asked | undefined, remember: boolean): Promise<void> {
    this.#asking?.abort();
    if (asked === undefined) {
      this.clear();
      return;
    }
    const own = new AbortController();
    this.#asking = own;
    this.#send({ type: "busy" });
    try {
      const answer = await this.#parts.searching.ask(asked, { limit: this.#limit, signal: own.signal });
      if (remember && asked.kind === "question") {
        await this.#parts.history.add(asked.query);
      }
      if (!own.signal.aborted) {
        this.#keep(answer);
        this.#sendAnswer();
      }
    } catch (error) {
      if (own.signal.aborted) {
        return;
      }
      this.#keep(null);
      if (error instanceof NothingIndexed || error instanceof BeingIndexed || this.#parts.session.known.link !== "ready") {
        this.#send({ type: "cleared" }); // the notice says why
        this.#sendSurroundings();
      } else {
        this.#send({ type: "failed", ...inWords(error) });
      }
    }
  }

  async #open(at: number, mode: OpenMode): Promise<void> {
    const result = this.#answer?.results[at];
    if (result) {
      this.#at = at;
      await this.#parts.opener.open(result, mode);
    }
  }

  #order(): number[] {
    const answer = this.#answer;
    return answer ? grouped(answer.results, "", 0).flatMap((file) => file.results.map((one) => one.at)) : [];
  }

  #keep(answer: Answer | null): void {
    this.#answer = answer;
    this.#at = -1;
    void vscode.commands.executeCommand("setContext", "conexus.hasResults", answer !== null && answer.results.length > 0);
  }

  #sendAnswer(): void {
    const answer = this.#answer;
    if (!answer) {
      return;
    }
    const { asked } = answer;
    const files = grouped(answer.results, asked.kind === "question" ? asked.query : "", setting("search.snippetLines"));
    const { length } = answer.results;
    const said = length
      ? found(length, files.length, Math.round(answer.elapsedMs))
      : vscode.l10n.t("Nothing found. Other words, or fewer filters, may help.");
    const notices = answer.notices.map((one) => inLine(one, 300));
    const more = this.#limit > 0 && length >= this.#limit && this.#limit < MOST_RESULTS;
    const about = asked.kind === "code" ? inLine(asked.label) : "";
    const copy = length > 0 && (asked.kind === "question" || asked.text !== "");
    this.#send({ type: "answer", answer: answer.number, about, files, said, notices, more, copy });
  }

  #sendSurroundings(): void {
    if (this.#isReady) {
      this.#send({ type: "surroundings", surroundings: surroundings(this.#parts.session, this.#parts.history.all()) });
    }
  }

  #send(message: ToView): void {
    if (this.#view && this.#isReady) {
      void this.#view.webview.postMessage(message);
    } else if (message.type !== "surroundings" && message.type !== "answer") {
      this.#waiting = [...this.#waiting, message].slice(-3);
    }
  }
}

function surroundings(session: Session, history: string[]): Surroundings {
  const { repositories } = session.known;
  const languages = new Map<string, number>();
  for (const { language, files } of repositories.flatMap((one) => one.languages)) {
    languages.set(language, (languages.get(language) ?? 0) + files);
  }
  return {
    known: session.known.link === "ready",
    usual: { where: setting("search.scope"), tests: setting("search.tests") },
    where: [
      { value: "workspace", label: vscode.l10n.t("This workspace") },
      { value: "all", label: vscode.l10n.t("Everything indexed") },
      ...repositories.map((one) => ({ value: one.root || one.repository, label: repositoryLabel(one, repositories) })),
    ],
    languages: [...languages].sort((a, b) => b[1] - a[1]).map(([name]) => inLine(name, 40)),
    kinds: kinds(),
    history,
    notice: notice(session),
    texts: texts(),
  };
}

/** Returns the short name of a repository; with its folder, where several trees have the name. */
export function repositoryLabel(one: Repository, all: readonly Repository[]): string {
  const name = inLine(one.name || shortName(one.repository), 60);
  const ref = one.ref ? ` @ ${inLine(one.ref, 60)}` : "";
  const isAlone = all.filter((other) => other.name === one.name && other.ref === one.ref).length === 1;
  return name + ref + (isAlone || !one.root ? "" : ` — ${inLine(one.root, 120)}`);
}

function notice(session: Session): Surroundings["notice"] {
  const condition = session.condition();
  const { problem } = session.known;
  const button = (text: string, label: string, command: NonNullable<Surroundings["notice"]>["command"]): Surroundings["notice"] => ({
    text,
    button: label,
    command,
  });
  switch (condition.kind) {
    case "unindexed":
      return vscode.workspace.isTrusted
        ? button(vscode.l10n.t("This workspace is not indexed yet."), vscode.l10n.t("Index This Workspace"), "indexWorkspace")
        : button(vscode.l10n.t("This workspace is not indexed. In Restricted Mode nothing is indexed."), vscode.l10n.t("Show Menu"), "showMenu");
    case "partly":
      return vscode.workspace.isTrusted
        ? button(vscode.l10n.t("Not indexed: {0}", namesOf(condition.missing)), vscode.l10n.t("Index This Workspace"), "indexWorkspace")
        : null;
    case "indexing":
      return session.coverage().trees.length > 0
        ? null
        : button(new BeingIndexed(condition.percent).message, vscode.l10n.t("Cancel Indexing"), "cancelIndexing");
    case "missing":
      return button(problem ? inLine(joined(problem.message, problem.hint), 500) : vscode.l10n.t("Conexus is not installed, or was not found."), vscode.l10n.t("Install Conexus…"), "install");
    case "absent":
    case "failed":
      return button(
        problem ? inLine(joined(problem.message, problem.hint), 500) : vscode.l10n.t("No daemon runs."),
        condition.kind === "absent" && vscode.workspace.isTrusted ? vscode.l10n.t("Start the Daemon") : vscode.l10n.t("Show Menu"),
        condition.kind === "absent" && vscode.workspace.isTrusted ? "startDaemon" : "showMenu",
      );
    default:
      return null;
  }
}

/** How much was found, and how fast. */
function found(results: number, files: number, ms: number): string {
  if (results === 1) {
    return vscode.l10n.t("1 result, {0} ms", ms);
  }
  return files === 1 ? vscode.l10n.t("{0} results in 1 file, {1} ms", results, ms) : vscode.l10n.t("{0} results in {1} files, {2} ms", results, files, ms);
}

function texts(): Record<string, string> {
  return {
    query: vscode.l10n.t("What does the code do?"),
    queryLabel: vscode.l10n.t("Question"),
    search: vscode.l10n.t("Search"),
    filters: vscode.l10n.t("Filters"),
    where: vscode.l10n.t("Where"),
    language: vscode.l10n.t("Language"),
    anyLanguage: vscode.l10n.t("Any language"),
    kind: vscode.l10n.t("Kind of definition"),
    anyKind: vscode.l10n.t("Anything"),
    tests: vscode.l10n.t("Also tests"),
    path: vscode.l10n.t("Paths, as src/** or *.py"),
    pathLabel: vscode.l10n.t("Paths"),
    results: vscode.l10n.t("Results"),
    busy: vscode.l10n.t("Searching…"),
    fresh: vscode.l10n.t("as indexed"),
    stale: vscode.l10n.t("changed since"),
    missing: vscode.l10n.t("file is gone"),
    more: vscode.l10n.t("More Results"),
    copy: vscode.l10n.t("Copy Context for AI"),
    line: vscode.l10n.t("line"),
    lines: vscode.l10n.t("lines"),
    score: vscode.l10n.t("score"),
    longQuery: vscode.l10n.t("The question is too long: it may have {0} characters.", MOST_QUERY_CHARS),
    longPath: vscode.l10n.t("The filter by paths is too long: it may have {0} characters.", MOST_FILTER_CHARS),
    keys: vscode.l10n.t("Results are grouped by file. Arrow keys move, Enter opens, Space shows, Ctrl+Enter opens to the side."),
  };
}

function page(source: string, nonce: string, script: vscode.Uri, style: vscode.Uri): string {
  const policy = `default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}';`;
  return `<!DOCTYPE html>
<html lang="${/^[A-Za-z-]{2,20}$/.test(vscode.env.language) ? vscode.env.language : "en"}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style.toString()}">
<title>Conexus</title>
</head>
<body>
<script nonce="${nonce}" src="${script.toString()}"></script>
</body>
</html>`;
}
