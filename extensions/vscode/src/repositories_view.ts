// SPDX-License-Identifier: FSL-1.1-MIT
/** The view of what is indexed. */

import type { Repository } from "@conexus/client";
import * as vscode from "vscode";

import { repositoryLabel } from "./search_view";
import type { Session } from "./session";
import { percentOf, staleness } from "./states";
import { inLabel, inLine, inNotification } from "./text";

/** A list of indexed trees. */
export class RepositoriesView implements vscode.TreeDataProvider<Repository> {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    session.onDidChange(() => this.#changed.fire());
  }

  getChildren(element?: Repository): Repository[] {
    return element ? [] : [...this.#session.known.repositories].sort((a, b) => a.name.localeCompare(b.name));
  }

  getTreeItem(one: Repository): vscode.TreeItem {
    const { repositories, jobs } = this.#session.known;
    const state = stateOf(one, this.#session);
    const item = new vscode.TreeItem(repositoryLabel(one, repositories));
    item.id = `${one.repository} ${one.root} ${one.ref}`;
    item.description = `${vscode.l10n.t("{0} files", one.files)} · ${size(one.size_bytes)} · ${state.said}`;
    item.tooltip = details(one, state.said);
    item.iconPath = new vscode.ThemeIcon(state.icon);
    item.contextValue = jobs.has(one.root) ? "repositoryIndexing" : "repository";
    item.accessibilityInformation = { label: `${inLine(one.name)}, ${item.description}` };
    return item;
  }
}

/** Lets the user choose one of what is indexed, where a command was not given it. */
export async function chooseRepository(session: Session, title: string, given: unknown): Promise<Repository | undefined> {
  const known = session.known.repositories;
  const found = known.find((one) => one === given || isSame(one, given));
  if (found || known.length === 0) {
    if (!found) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Nothing is indexed yet."));
    }
    return found;
  }
  const items = known.map((one) => ({
    label: inLabel(repositoryLabel(one, known)),
    description: inLabel(one.root || one.repository),
    detail: `${vscode.l10n.t("{0} files", one.files)} · ${size(one.size_bytes)} · ${stateOf(one, session).said}`,
    one,
  }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.one;
}

/** Takes an index away, after a question. */
export async function removeRepository(session: Session, one: Repository): Promise<boolean> {
  const others = session.known.repositories.filter((other) => other.repository === one.repository).length - 1;
  const remove = vscode.l10n.t("Remove");
  const more = others > 0 ? ` ${vscode.l10n.t("Its other {0} working trees or refs go with it.", others)}` : "";
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t("Remove {0} from the index?", inNotification(one.name, 80)),
    { modal: true, detail: vscode.l10n.t("The files themselves are not touched. Its place is free at once.") + more },
    remove,
  );
  if (chosen !== remove) {
    return false;
  }
  await session.ask("remove", (client) =>
    client.call("delete", "/v1/repositories/{repository}", { path: { repository: one.repository } }),
  );
  await session.refresh();
  return true;
}

function isSame(one: Repository, given: unknown): boolean {
  const other = given as Partial<Repository> | null | undefined;
  return typeof other === "object" && other !== null && other.repository === one.repository && other.root === one.root && other.ref === one.ref;
}

function stateOf(one: Repository, session: Session): { icon: string; said: string } {
  const job = session.known.jobs.get(one.root);
  if (job?.origin === "asked") {
    const percent = percentOf(job);
    return { icon: "sync~spin", said: percent === null ? vscode.l10n.t("indexing") : vscode.l10n.t("indexing {0} %", percent) };
  }
  switch (staleness(one, session.known.saved.get(one.root))) {
    case "gone":
      return { icon: "circle-slash", said: vscode.l10n.t("folder is gone") };
    case "incomplete":
      return { icon: "warning", said: vscode.l10n.t("not finished") };
    case "changed":
      return { icon: "history", said: vscode.l10n.t("stale") };
    default:
      return { icon: "repo", said: one.watch === "off" ? vscode.l10n.t("indexed") : vscode.l10n.t("up to date, followed") };
  }
}

function details(one: Repository, said: string): string {
  const languages = one.languages.slice(0, 6).map(({ language, files }) => `${inLine(language, 40)} ${files}`);
  return [
    inLine(one.repository),
    inLine(one.root),
    one.branch ? vscode.l10n.t("branch {0}", inLine(one.branch, 80)) : "",
    said,
    one.indexed_at === null ? "" : vscode.l10n.t("indexed {0}", new Date(one.indexed_at * 1000).toLocaleString()),
    vscode.l10n.t("{0} files, {1} left out, {2} chunks", one.files, one.skipped, one.chunks),
    languages.join(", "),
    vscode.l10n.t("model {0}", inLine(one.model, 80)),
    inLine(one.watch_reason),
  ]
    .filter(Boolean)
    .join("\n");
}

function size(bytes: number): string {
  const megabytes = bytes / 1_000_000;
  return megabytes >= 10 ? `${Math.round(megabytes)} MB` : `${megabytes.toFixed(1)} MB`;
}
