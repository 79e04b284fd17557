// SPDX-License-Identifier: FSL-1.1-MIT
/** The view of earlier questions. */

import * as vscode from "vscode";

import type { History } from "./history";
import { inLine } from "./text";

/** A list of questions, newest first; each is asked again by a click. */
export class HistoryView implements vscode.TreeDataProvider<string> {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  refresh(): void {
    this.#changed.fire();
  }

  getChildren(element?: string): string[] {
    return element === undefined ? this.#history.all() : [];
  }

  getTreeItem(question: string): vscode.TreeItem {
    const item = new vscode.TreeItem(inLine(question, 120));
    item.tooltip = question;
    item.iconPath = new vscode.ThemeIcon("search");
    item.command = { command: "conexus.searchHistory", title: vscode.l10n.t("Search Again"), arguments: [question] };
    return item;
  }
}
