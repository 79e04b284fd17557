// SPDX-License-Identifier: FSL-1.1-MIT
/** The view of what is indexed. */

import type { Job, Repository } from "@conexus/client";
import * as vscode from "vscode";

import { shortName } from "./grouping";
import { repositoryLabel } from "./search_view";
import type { Session } from "./session";
import { firstJobs, percentOf, staleness } from "./states";
import { inLabel, inLine, inNotification } from "./text";
import { requireTrust } from "./trust";

/** A row: what is indexed, or a job by which a tree is indexed for the first time. */
type Row = Repository | Job;

/** A list of indexed trees. */
export class RepositoriesView implements vscode.TreeDataProvider<Row> {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    session.onDidChange(() => this.#changed.fire());
  }

  getChildren(element?: Row): Row[] {
    const { known } = this.#session;
    return element ? [] : [...known.repositories, ...firstJobs(known)].sort((a, b) => a.name.localeCompare(b.name));
  }

  getTreeItem(one: Row): vscode.TreeItem {
    if ("state" in one) {
      return firstItem(one);
    }
    const { repositories, jobs } = this.#session.known;
    const state = stateOf(one, this.#session);
    const item = new vscode.TreeItem(repositoryLabel(one, repositories));
    item.id = `${one.repository} ${one.root} ${one.ref}`;
    item.description = `${filesOf(one)} · ${size(one.size_bytes)} · ${state.said}`;
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
    detail: `${filesOf(one)} · ${size(one.size_bytes)} · ${stateOf(one, session).said}`,
    one,
  }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.one;
}

/** Takes an index away, that of a row or one that is chosen, after a question. */
export async function removeRepository(session: Session, title: string, given: unknown): Promise<boolean> {
  requireTrust();
  const one = await chooseRepository(session, title, given);
  return one !== undefined && remove(session, one);
}

async function remove(session: Session, one: Repository): Promise<boolean> {
  requireTrust();
  const others = session.known.repositories.filter((other) => other.repository === one.repository).length - 1;
  const yes = vscode.l10n.t("Remove");
  const more =
    others === 1
      ? ` ${vscode.l10n.t("Its other working tree or ref goes with it.")}`
      : others > 1
        ? ` ${vscode.l10n.t("Its other {0} working trees or refs go with it.", others)}`
        : "";
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t("Remove {0} from the index?", inNotification(one.name, 80)),
    { modal: true, detail: vscode.l10n.t("The files themselves are not touched. Its place is free at once.") + more },
    yes,
  );
  if (chosen !== yes) {
    return false;
  }
  await session.ask("remove", (client) =>
    client.call("delete", "/v1/repositories/{repository}", { path: { repository: one.repository } }),
  );
  await session.refresh();
  return true;
}

/** The row of a tree that nothing is indexed of yet. */
function firstItem(job: Job): vscode.TreeItem {
  const item = new vscode.TreeItem(inLine(job.name || shortName(job.repository), 60));
  item.id = `job ${job.root || job.repository}`;
  item.description = indexingText(job);
  item.tooltip = inLine(job.root);
  item.iconPath = new vscode.ThemeIcon("sync~spin");
  item.contextValue = "firstIndexing";
  item.accessibilityInformation = { label: `${inLine(job.name)}, ${item.description}` };
  return item;
}

function indexingText(job: Job): string {
  const percent = percentOf(job);
  return percent === null ? vscode.l10n.t("indexing") : vscode.l10n.t("indexing {0} %", percent);
}

function filesOf({ files }: Repository): string {
  return files === 1 ? vscode.l10n.t("1 file") : vscode.l10n.t("{0} files", files);
}

function isSame(one: Repository, given: unknown): boolean {
  const other = given as Partial<Repository> | null | undefined;
  return typeof other === "object" && other !== null && other.repository === one.repository && other.root === one.root && other.ref === one.ref;
}

function stateOf(one: Repository, session: Session): { icon: string; said: string } {
  const job = session.known.jobs.get(one.root);
  if (job?.origin === "asked") {
    return { icon: "sync~spin", said: indexingText(job) };
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
