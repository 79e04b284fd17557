// SPDX-License-Identifier: FSL-1.1-MIT
/** What stands in the group of editors before a list with preview is shown, and how it is put back. */

import * as vscode from "vscode";

/** A text editor as it stood. */
interface View {
  uri: string;
  selections: readonly vscode.Selection[];
  top: vscode.Range | undefined;
}

/** Remembers the active group: its tabs, the active one, selections and what was in sight. Closes only what was opened since. */
export class Standing {
  readonly #column: vscode.ViewColumn | undefined;
  readonly #tabs: readonly vscode.Tab[];
  readonly #keys: ReadonlySet<string>;
  readonly #active: vscode.Tab | undefined;
  readonly #activeAt: number;
  readonly #wasPreview: boolean;
  readonly #views: readonly View[];
  readonly #own = new Set<string>();

  constructor() {
    const group = vscode.window.tabGroups.activeTabGroup;
    this.#column = group.viewColumn;
    this.#tabs = [...group.tabs];
    this.#keys = new Set(this.#tabs.map(keyOf));
    this.#active = group.activeTab;
    this.#activeAt = this.#active ? this.#tabs.indexOf(this.#active) : -1;
    this.#wasPreview = this.#active?.isPreview ?? false;
    this.#views = vscode.window.visibleTextEditors
      .filter((editor) => editor.viewColumn === this.#column)
      .map(({ document, selections, visibleRanges }) => ({ uri: document.uri.toString(), selections, top: visibleRanges[0] }));
  }

  /** The group in which previews are shown. */
  get column(): vscode.ViewColumn | undefined {
    return this.#column;
  }

  /** A document was opened for a preview: the ones before it are closed, where the editor keeps them. */
  async previewed(uri: vscode.Uri): Promise<void> {
    const key = `text ${uri.toString()}`;
    if (!this.#keys.has(key)) {
      this.#own.add(key);
    }
    await this.#closeOwn(key);
  }

  /** Closes what was opened for previews, but for one document. */
  async settle(kept: vscode.Uri): Promise<void> {
    await this.#closeOwn(`text ${kept.toString()}`);
  }

  /** Puts back what stood there. Without `takeFocus` the focus stays where the editor itself has put it. */
  async restore(takeFocus: boolean): Promise<void> {
    const active = this.#active;
    if (active === undefined) {
      await this.#closeOwn("");
      return;
    }
    const now = this.#group()?.tabs.find((tab) => keyOf(tab) === keyOf(active));
    const isText = active.input instanceof vscode.TabInputText;
    if (!now?.isActive) {
      // One without an address, as the page of settings, is found by its place; one that a preview took is opened anew.
      await (now && !isText ? this.#show(now) : open(active, this.#column, this.#wasPreview));
    }
    await this.#closeOwn(keyOf(active));
    this.#look();
    if (takeFocus && !isText) {
      await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");
    }
  }

  #group(): vscode.TabGroup | undefined {
    return vscode.window.tabGroups.all.find((group) => group.viewColumn === this.#column);
  }

  /** Activates a tab that is still there. */
  async #show(tab: vscode.Tab): Promise<void> {
    const at = this.#group()?.tabs.indexOf(tab) ?? this.#activeAt;
    await this.#closeOwn(keyOf(tab));
    if (!tab.isActive) {
      await vscode.commands.executeCommand("workbench.action.openEditorAtIndex", at);
    }
  }

  #look(): void {
    for (const editor of vscode.window.visibleTextEditors.filter((one) => one.viewColumn === this.#column)) {
      const view = this.#views.find((one) => one.uri === editor.document.uri.toString());
      if (view) {
        editor.selections = view.selections;
        if (view.top) {
          editor.revealRange(view.top, vscode.TextEditorRevealType.AtTop);
        }
      }
    }
  }

  async #closeOwn(but: string): Promise<void> {
    const tabs = this.#group()?.tabs ?? [];
    const closed = tabs.filter((tab) => this.#own.has(keyOf(tab)) && keyOf(tab) !== but && !tab.isDirty);
    if (closed.length > 0) {
      await vscode.window.tabGroups.close(closed, true);
    }
  }
}

/** Returns what tells a tab from others of its group. */
function keyOf({ input, label }: vscode.Tab): string {
  if (input instanceof vscode.TabInputText) {
    return `text ${input.uri.toString()}`;
  }
  if (input instanceof vscode.TabInputTextDiff || input instanceof vscode.TabInputNotebookDiff) {
    return `diff ${input.original.toString()} ${input.modified.toString()}`;
  }
  if (input instanceof vscode.TabInputCustom) {
    return `custom ${input.viewType} ${input.uri.toString()}`;
  }
  return input instanceof vscode.TabInputNotebook ? `notebook ${input.uri.toString()}` : `other ${label}`;
}

async function open({ input, label }: vscode.Tab, viewColumn: vscode.ViewColumn | undefined, preview: boolean): Promise<void> {
  const options = { viewColumn: viewColumn ?? vscode.ViewColumn.Active, preview, preserveFocus: true };
  if (input instanceof vscode.TabInputText) {
    await vscode.window.showTextDocument(input.uri, options);
  } else if (input instanceof vscode.TabInputTextDiff || input instanceof vscode.TabInputNotebookDiff) {
    await vscode.commands.executeCommand("vscode.diff", input.original, input.modified, label, options);
  } else if (input instanceof vscode.TabInputCustom) {
    await vscode.commands.executeCommand("vscode.openWith", input.uri, input.viewType, options);
  } else if (input instanceof vscode.TabInputNotebook) {
    await vscode.commands.executeCommand("vscode.openWith", input.uri, input.notebookType, options);
  }
}
