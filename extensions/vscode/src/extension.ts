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
import { BeingIndexed, NothingIndexed, Searching } from "./searching";
import { Session } from "./session";
import { placeOf, SECTION, setting, useRules } from "./settings";
import { install } from "./setup";
import { showMenu, StatusItem } from "./status_item";
import { inLabel } from "./text";
import { manageTrust } from "./trust";
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
  useRules(context.extension);
  const log = new Log();
  const notices = new Notices(log);
  const programs = new Programs(context, log);
  const session = new Session(context.secrets, programs, log);
  const searching = new Searching(session);
  const opener = new Opener(session);
  const history: History = new History(context.workspaceState, () => setting("search.historySize"), () => {
    historyView.refresh();
    view.refresh();
  });
  const historyView = new HistoryView(history);
  const contexts = new Contexts(session, searching);
  const view = new SearchView({ extensionUri: context.extensionUri, session, searching, opener, history, notices, contexts });
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
    historyView,
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
  const { view, history, contexts, session, searching, opener, notices } = parts;
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
    ["clearHistory", () => history.clear()],
    ["showCallers", (name) => view.ask(`callers of ${String(name)}`)],
    ["toggleCodeLens", () => vscode.workspace.getConfiguration(SECTION).update("codeLens.enabled", !setting("codeLens.enabled"), placeOf("codeLens.enabled"))],
  ];
}

function indexCommands({ session, indexing, view }: Parts): [string, Act][] {
  return [
    ["indexWorkspace", () => indexing.workspace()],
    ["cancelIndexing", (given) => indexing.cancelAsked(given)],
    ["refresh", () => session.refresh()],
    ["reindexRepository", (given) => indexing.again(given)],
    ["removeRepository", (given) => removeRepository(session, vscode.l10n.t("Which repository is removed?"), given)],
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
        } else if (one) {
          void vscode.window.showInformationMessage(vscode.l10n.t("It has no folder on this machine."));
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
    ["clearToken", () => forgetToken(session)],
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
      } else if (error instanceof BeingIndexed) {
        void vscode.window.showInformationMessage(error.message);
      } else {
        await notices.error(error);
      }
    }
  });
}

function events({ context, session, view, lenses, ai, indexing, programs, walkthrough }: Parts): vscode.Disposable[] {
  let isOpened = false;
  return [
    session.onDidChange((known) => {
      void vscode.commands.executeCommand("setContext", "conexus.state", known.link);
      walkthrough.tell();
      if (known.link === "ready" && !isOpened) {
        isOpened = true;
        const { missing } = session.coverage();
        if (missing.length > 0 && vscode.workspace.isTrusted && setting("index.onOpen")) {
          void indexing.workspace(missing);
        }
      }
    }),
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
      if (event.affectsConfiguration(`${SECTION}.search`)) {
        view.refresh();
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
async function findSimilar({ session, view }: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    void vscode.window.showInformationMessage(vscode.l10n.t("Open a file and select code first."));
    return;
  }
  const { document, selection } = editor;
  const found = document.uri.scheme === "file" ? treeOf(session.real(document.uri.fsPath), session.known.repositories) : null;
  const text = document.getText(selection).trim();
  const line = selection.start.line + 1;
  const place = found && !document.isDirty ? { root: found.tree.root, path: found.path, line } : null;
  if (place || text !== "") {
    const name = found?.path ?? document.uri.path.split("/").at(-1) ?? "";
    const code = (text || document.lineAt(selection.start.line).text.trim()).slice(0, MOST_QUERY_CHARS);
    await view.alike({ kind: "code", label: vscode.l10n.t("Code like {0}:{1}", name, line), text: code, place });
  } else {
    void vscode.window.showInformationMessage(vscode.l10n.t("Select the code whose look-alikes are wanted."));
  }
}

async function searchAgain({ history, view }: Parts, given: unknown): Promise<void> {
  const all = history.all().map((query) => ({ label: inLabel(query, 120), query }));
  const query = typeof given === "string" ? given : (await vscode.window.showQuickPick(all, { title: vscode.l10n.t("Search again") }))?.query;
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

async function forgetToken(session: Session): Promise<void> {
  const had = await session.hasToken();
  await session.setToken(undefined);
  void vscode.window.showInformationMessage(had ? vscode.l10n.t("The token is forgotten.") : vscode.l10n.t("There is no token to forget."));
}

async function offerToIndex(error: NothingIndexed): Promise<void> {
  const index = vscode.l10n.t("Index This Workspace");
  const trust = vscode.l10n.t("Manage Workspace Trust");
  const chosen = await vscode.window.showInformationMessage(error.message, vscode.workspace.isTrusted ? index : trust);
  if (chosen === index) {
    await vscode.commands.executeCommand("conexus.indexWorkspace");
  } else if (chosen === trust) {
    await manageTrust();
  }
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "upgradeUrl" in value && "requiredPlan" in value;
}
