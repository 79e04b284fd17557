// SPDX-License-Identifier: FSL-1.1-MIT
/** The item of the status bar, and its menu. */

import * as vscode from "vscode";

import { inWords } from "./notices";
import type { Session } from "./session";
import type { Condition } from "./states";
import { inLabel, inLine, joined } from "./text";

/** Shows how it stands with the workspace. */
export class StatusItem implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem("conexus.status", vscode.StatusBarAlignment.Left, 10);
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.#item.name = "Conexus";
    this.#item.command = "conexus.showMenu";
    session.onDidChange(() => this.#draw());
    this.#draw();
    this.#item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }

  #draw(): void {
    const { icon, said } = inStatusBar(this.#session.condition());
    this.#item.text = `$(${icon}) Conexus${said ? `: ${said}` : ""}`;
    this.#item.tooltip = tooltip(this.#session);
    this.#item.accessibilityInformation = { label: `Conexus: ${said || vscode.l10n.t("indexed")}`, role: "button" };
  }
}

/** Returns icon and words for a condition. */
export function inStatusBar(condition: Condition): { icon: string; said: string } {
  switch (condition.kind) {
    case "looking":
      return { icon: "database", said: "" };
    case "starting":
      return { icon: "sync~spin", said: vscode.l10n.t("starting") };
    case "missing":
      return { icon: "warning", said: vscode.l10n.t("not installed") };
    case "absent":
      return { icon: "circle-slash", said: vscode.l10n.t("no daemon") };
    case "failed":
      return { icon: "error", said: vscode.l10n.t("error") };
    case "none":
      return { icon: "database", said: vscode.l10n.t("ready") };
    case "unindexed":
      return { icon: "database", said: vscode.l10n.t("not indexed") };
    case "indexing":
      return {
        icon: "sync~spin",
        said: condition.percent === null ? vscode.l10n.t("indexing") : vscode.l10n.t("indexing {0} %", condition.percent),
      };
    case "stale":
      return { icon: "history", said: vscode.l10n.t("stale") };
    case "partly":
      return { icon: "database", said: vscode.l10n.t("partly indexed") };
    case "indexed":
      return { icon: "check", said: vscode.l10n.t("indexed") };
  }
}

function tooltip(session: Session): string {
  const { problem, status, features } = session.known;
  const condition = session.condition();
  const lines = [problem ? inLine(joined(problem.message, problem.hint)) : ""];
  if (status) {
    lines.push(vscode.l10n.t("Daemon {0}, {1} edition", status.version, status.edition));
  }
  if (features) {
    const most = features.max_repositories;
    lines.push(most === null ? "" : vscode.l10n.t("{0} of {1} repositories", features.repositories, most));
    lines.push(...features.notices.map((one) => inLine(one)));
  }
  if (condition.kind === "stale") {
    lines.push(
      {
        incomplete: vscode.l10n.t("The index is not finished."),
        changed: vscode.l10n.t("Files have changed since they were indexed."),
        gone: vscode.l10n.t("The folder that was indexed is gone."),
      }[condition.reason],
    );
  }
  if (condition.kind === "partly") {
    lines.push(vscode.l10n.t("Not indexed: {0}", namesOf(condition.missing)));
  }
  if (!vscode.workspace.isTrusted) {
    lines.push(vscode.l10n.t("Restricted Mode: only what is indexed already is searched."));
  }
  return lines.filter(Boolean).join("\n") || "Conexus";
}

/** The names of folders, as many as are read. */
export function namesOf(folders: readonly string[]): string {
  const names = folders.slice(0, 3).map((folder) => inLine(folder.split("/").at(-1) ?? folder, 60));
  return [...names, ...(folders.length > names.length ? ["…"] : [])].join(", ");
}

interface MenuItem extends vscode.QuickPickItem {
  command?: string;
  args?: unknown[];
}

/** Shows what can be done now. */
export async function showMenu(session: Session): Promise<void> {
  const chosen = await vscode.window.showQuickPick(menuItems(session), {
    title: "Conexus",
    placeHolder: inLine(tooltip(session), 200),
  });
  if (chosen?.command) {
    await vscode.commands.executeCommand(chosen.command, ...(chosen.args ?? []));
  }
}

function menuItems(session: Session): MenuItem[] {
  const { link, jobs, problem } = session.known;
  const isTrusted = vscode.workspace.isTrusted;
  const items: (MenuItem | false)[] = [
    problem !== null && { label: `$(warning) ${inLabel(inWords(new Error(problem.message)).message)}`, detail: inLabel(problem.hint), command: "conexus.showOutput" },
    link === "ready" && { label: `$(search) ${vscode.l10n.t("Search Code…")}`, command: "conexus.quickSearch" },
    link === "ready" && { label: `$(go-to-search) ${vscode.l10n.t("Open the Search View")}`, command: "conexus.focusSearch" },
    jobs.size > 0 && { label: `$(stop-circle) ${vscode.l10n.t("Cancel Indexing")}`, command: "conexus.cancelIndexing" },
    link === "ready" && isTrusted && { label: `$(database) ${vscode.l10n.t("Index This Workspace")}`, command: "conexus.indexWorkspace" },
    link === "ready" && { label: `$(info) ${vscode.l10n.t("Show the Edition and Its Limits")}`, command: "conexus.explainLimit" },
    link === "missing" && { label: `$(cloud-download) ${vscode.l10n.t("Install Conexus…")}`, command: "conexus.install" },
    link !== "ready" && link !== "missing" && isTrusted && { label: `$(play) ${vscode.l10n.t("Start the Daemon")}`, command: "conexus.startDaemon" },
    (link === "ready" || link === "failed") && isTrusted && !session.isRemote && { label: `$(debug-restart) ${vscode.l10n.t("Restart the Daemon")}`, command: "conexus.restartDaemon" },
    session.isRemote && { label: `$(key) ${vscode.l10n.t("Set the Token of the Daemon's Address…")}`, command: "conexus.setToken" },
    !isTrusted && { label: `$(shield) ${vscode.l10n.t("Manage Workspace Trust")}`, command: "workbench.trust.manage" },
    { label: `$(gear) ${vscode.l10n.t("Open Settings")}`, command: "conexus.openSettings" },
    { label: `$(output) ${vscode.l10n.t("Show Output")}`, command: "conexus.showOutput" },
    { label: `$(report) ${vscode.l10n.t("Report a Problem…")}`, command: "conexus.reportProblem" },
  ];
  return items.filter((one): one is MenuItem => one !== false);
}
