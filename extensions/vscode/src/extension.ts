// SPDX-License-Identifier: FSL-1.1-MIT
/** Code search by meaning, in the editor. This is where the parts are put together; what they do, the daemon does. */

import * as vscode from "vscode";

import { AiAccess } from "./ai";
import { CallersLenses } from "./code_lens";
import { Contexts } from "./contexts";
import { findDefinitions } from "./definitions";
import { explainLimit } from "./editions";
import { History } from "./history";
import { HistoryView } from "./history_view";
import { Indexing } from "./indexing";
import type { Refusal } from "./limits";
import { Log } from "./log";
import { Notices } from "./notices";
import { Opener } from "./opener";
import { treeOf } from "./places";
import { Programs } from "./programs";
import { quickSearch } from "./quick_search";
import { reportProblem } from "./reports";
import { chooseRepository, removeRepository, RepositoriesView } from "./repositories_view";
import { SearchView, VIEW } from "./search_view";
import { NothingIndexed, Searching } from "./searching";
import { Session } from "./session";
import { SECTION, setting } from "./settings";
import { install } from "./setup";
import { showMenu, StatusItem } from "./status_item";
import { Walkthrough } from "./walkthrough";

const MOST_QUERY_CHARS = 2000;
const SETTINGS_OF_LINK = ["path", "dataFolder", "daemon.url", "daemon.autoStart"];

/** All parts of the extension. */
interface Parts {
  context: vscode.ExtensionContext;
  log: Log;
  notices: Notices;
  programs: Programs;
  session: Session;
  searching: Searching;
  opener: Opener;
  history: History;
  historyView: HistoryView;
  view: SearchView;
  indexing: Indexing;
  contexts: Contexts;
  lenses: CallersLenses;
  ai: AiAccess;
  walkthrough: Walkthrough;
}

/** Called by the editor when it has started. */
export function activate(context: vscode.ExtensionContext): void {
  const parts = assembled(context);
  const { session, log } = parts;
  context.subscriptions.push(
    log,
    session,
    parts.opener,
    parts.view,
    parts.ai,
    parts.walkthrough,
    new StatusItem(session),
    vscode.window.registerWebviewViewProvider(VIEW, parts.view),
    vscode.window.createTreeView("conexus.repositories", { treeDataProvider: new RepositoriesView(session) }),
    vscode.window.createTreeView("conexus.history", { treeDataProvider: parts.historyView }),
    vscode.languages.registerCodeLensProvider({ scheme: "file" }, parts.lenses),
    ...commands(parts).map(([name, act]) => registered(name, act, parts.notices)),
    ...events(parts),
  );
  session.begin();
}

function assembled(context: vscode.ExtensionContext): Parts {
  const log = new Log();
  const notices = new Notices(log);
  const programs = new Programs(context, log);
  const session = new Session(context.secrets, programs, log);
  const searching = new Searching(session);
  const opener = new Opener(session);
  const history = new History(context.workspaceState, () => setting("search.historySize"));
  const view = new SearchView({ extensionUri: context.extensionUri, session, searching, opener, history, notices });
  const contexts = new Contexts(session, searching);
  const { version } = context.extension.packageJSON as { version: string };
  return {
    context,
    log,
    notices,
    programs,
    session,
    searching,
    opener,
    history,
    historyView: new HistoryView(history),
    view,
    indexing: new Indexing(session, notices),
    contexts,
    lenses: new CallersLenses(session),
    ai: new AiAccess({ session, searching, contexts, programs }, version),
    walkthrough: new Walkthrough(context.extension, session),
  };
}

type Act = (argument: unknown, second: unknown) => unknown;

function commands(parts: Parts): [string, Act][] {
  return [...searchCommands(parts), ...indexCommands(parts), ...daemonCommands(parts)];
}

function searchCommands(parts: Parts): [string, Act][] {
  const { view, history, historyView, contexts, session, searching, opener, notices } = parts;
  return [
    ["quickSearch", () => quickSearch(parts)],
    ["focusSearch", () => view.focus()],
    ["findSimilar", () => findSimilar(parts)],
    ["findDefinitions", () => findDefinitions(session, searching, opener, notices)],
    ["copyContext", (query) => contexts.copy(query)],
    ["insertContext", (query) => contexts.insert(query)],
    ["nextResult", () => view.step(1)],
    ["previousResult", () => view.step(-1)],
    ["clearResults", () => view.clear()],
    ["searchHistory", (query) => searchAgain(parts, query)],
    [
      "clearHistory",
      async () => {
        await history.clear();
        historyView.refresh();
      },
    ],
    ["showCallers", (name) => view.ask(`callers of ${String(name)}`)],
    ["toggleCodeLens", () => vscode.workspace.getConfiguration(SECTION).update("codeLens.enabled", !setting("codeLens.enabled"), true)],
  ];
}

function indexCommands({ session, indexing, view }: Parts): [string, Act][] {
  return [
    ["indexWorkspace", () => indexing.workspace()],
    ["cancelIndexing", () => indexing.cancel(session.known.jobs.values())],
    ["refresh", () => session.refresh()],
    [
      "reindexRepository",
      async (given) => {
        const one = await chooseRepository(session, vscode.l10n.t("Which repository is indexed again?"), given);
        if (one) {
          await indexing.index(one.root && !one.ref ? { path: one.root } : { repository: one.repository, ref: one.ref }, one.name);
        }
      },
    ],
    [
      "removeRepository",
      async (given) => {
        const one = await chooseRepository(session, vscode.l10n.t("Which repository is removed?"), given);
        if (one) {
          await removeRepository(session, one);
        }
      },
    ],
    [
      "searchRepository",
      async (given) => {
        const one = await chooseRepository(session, vscode.l10n.t("Where is searched?"), given);
        if (one) {
          await view.ask("", one.root || one.repository);
        }
      },
    ],
    [
      "openRepository",
      async (given) => {
        const one = await chooseRepository(session, vscode.l10n.t("Which repository is opened?"), given);
        if (one?.root) {
          await vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(one.root), { forceNewWindow: true });
        }
      },
    ],
    ["explainLimit", (refusal) => explainLimit(session, isRefusal(refusal) ? refusal : null)],
  ];
}

function daemonCommands({ context, session, programs, log, walkthrough }: Parts): [string, Act][] {
  return [
    ["showMenu", () => showMenu(session)],
    ["startDaemon", () => session.start()],
    ["stopDaemon", () => session.stop()],
    [
      "restartDaemon",
      async () => {
        await session.stop();
        await session.start();
      },
    ],
    ["install", () => install(programs, session)],
    ["setToken", () => askForToken(session)],
    ["clearToken", () => session.setToken(undefined)],
    ["showOutput", () => log.show()],
    ["reportProblem", () => reportProblem(context, session, programs, log)],
    ["openSettings", () => vscode.commands.executeCommand("workbench.action.openSettings", `@ext:${context.extension.id}`)],
    ["openWalkthrough", () => walkthrough.open()],
  ];
}

function registered(name: string, act: Act, notices: Notices): vscode.Disposable {
  return vscode.commands.registerCommand(`conexus.${name}`, async (argument: unknown, second: unknown) => {
    try {
      await act(argument, second);
    } catch (error) {
      if (error instanceof NothingIndexed) {
        await offerToIndex(error);
      } else {
        await notices.error(error);
      }
    }
  });
}

function events({ context, session, view, historyView, lenses, ai, indexing, programs, walkthrough }: Parts): vscode.Disposable[] {
  let isOpened = false;
  return [
    session.onDidChange((known) => {
      const isIndexed = session.coverage().trees.length > 0;
      void vscode.commands.executeCommand("setContext", "conexus.state", known.link);
      walkthrough.tell();
      if (known.link === "ready" && !isOpened) {
        isOpened = true;
        if (!isIndexed && vscode.workspace.isTrusted && setting("index.onOpen") && session.folders.length > 0) {
          void indexing.workspace();
        }
      }
    }),
    view.onDidAsk(() => historyView.refresh()),
    vscode.workspace.onDidSaveTextDocument(({ uri }) => uri.scheme === "file" && session.noteSaved(uri.fsPath)),
    vscode.workspace.onDidChangeWorkspaceFolders(() => void session.foldersChanged()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      ai.refresh();
      void session.anew();
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (SETTINGS_OF_LINK.some((name) => event.affectsConfiguration(`${SECTION}.${name}`))) {
        void session.anew();
      }
      if (event.affectsConfiguration(`${SECTION}.codeLens`)) {
        lenses.refresh();
      }
    }),
    vscode.extensions.onDidChange(() => {
      if (session.known.link === "missing") {
        programs.forget();
      }
    }),
    context.secrets.onDidChange(() => void (session.isRemote && session.anew())),
  ];
}

/** Look-alikes of what is selected: by its place where it is indexed as it stands there, else by its text. */
async function findSimilar({ session, searching, view }: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    void vscode.window.showInformationMessage(vscode.l10n.t("Open a file and select code first."));
    return;
  }
  const { document, selection } = editor;
  const found = document.uri.scheme === "file" ? treeOf(document.uri.fsPath, session.known.repositories) : null;
  const text = document.getText(selection).trim();
  if (found && !document.isDirty) {
    await view.show(await searching.similar(found.tree.root, found.path, selection.start.line + 1));
  } else if (text !== "") {
    await view.show(await searching.search(text.slice(0, MOST_QUERY_CHARS)));
  } else {
    void vscode.window.showInformationMessage(vscode.l10n.t("Select the code whose look-alikes are wanted."));
  }
}

async function searchAgain({ history, view }: Parts, given: unknown): Promise<void> {
  const all = history.all();
  const query = typeof given === "string" ? given : await vscode.window.showQuickPick(all, { title: vscode.l10n.t("Search again") });
  if (query !== undefined && query !== "") {
    await view.ask(query);
  }
}

async function askForToken(session: Session): Promise<void> {
  const token = await vscode.window.showInputBox({
    title: vscode.l10n.t("Token of the daemon"),
    prompt: vscode.l10n.t("The daemon's token or an API key. It is kept in the editor's secret storage."),
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => (/^[\x21-\x7e]{0,10000}$/.test(text) ? undefined : vscode.l10n.t("A token has no such characters.")),
  });
  if (token) {
    await session.setToken(token);
  }
}

async function offerToIndex(error: NothingIndexed): Promise<void> {
  const index = vscode.l10n.t("Index This Workspace");
  const actions = vscode.workspace.isTrusted ? [index] : [];
  if ((await vscode.window.showInformationMessage(error.message, ...actions)) === index) {
    await vscode.commands.executeCommand("conexus.indexWorkspace");
  }
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "upgradeUrl" in value && "requiredPlan" in value;
}
