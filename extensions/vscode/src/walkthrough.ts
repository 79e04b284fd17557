// SPDX-License-Identifier: FSL-1.1-MIT
/** The walkthrough of the first use: opened, and its steps checked off. */

import * as vscode from "vscode";

import type { Session } from "./session";

const ID = "start";
/** The editor reads the walkthroughs of extensions when it first shows a welcome page; offline that takes it 5 s. */
const READ_MS = 5_500;

/** Opens the walkthrough, and tells the editor which steps are done. */
export class Walkthrough implements vscode.Disposable {
  readonly #extension: vscode.Extension<unknown>;
  readonly #session: Session;
  readonly #title: string;
  readonly #tabs: vscode.Disposable;
  #reading: Promise<void> | undefined;
  #isRead = false;

  constructor(extension: vscode.Extension<unknown>, session: Session) {
    this.#extension = extension;
    this.#session = session;
    this.#title = (extension.packageJSON as { displayName: string }).displayName;
    this.#tabs = vscode.window.tabGroups.onDidChangeTabs(() => this.#isShown() && void this.#read());
  }

  /** Opens it. */
  async open(): Promise<void> {
    const id = `${this.#extension.id}#${ID}`;
    await vscode.commands.executeCommand("workbench.action.openWalkthrough", id, false);
    const isOther = !this.#isShown();
    await this.#read();
    if (isOther) {
      await vscode.commands.executeCommand("workbench.action.openWalkthrough", id, false);
    }
  }

  /** Tells what is done: only what changes after the editor has read the walkthrough counts for it. */
  tell(): void {
    if (this.#isRead) {
      void vscode.commands.executeCommand("setContext", "conexus.steps.installed", this.#session.known.link === "ready");
      void vscode.commands.executeCommand("setContext", "conexus.steps.indexed", this.#session.coverage().trees.length > 0);
    }
  }

  dispose(): void {
    this.#tabs.dispose();
  }

  /** Whether the active tab is the walkthrough, by its label: its input is none that extensions are told of. */
  #isShown(): boolean {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    return tab !== undefined && tab.input === undefined && tab.label.includes(this.#title);
  }

  /** Resolves when the editor has read the walkthrough, once a welcome page is shown. */
  #read(): Promise<void> {
    this.#reading ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#isRead = true;
        this.tell();
        resolve();
      }, READ_MS);
    });
    return this.#reading;
  }
}
