// SPDX-License-Identifier: FSL-1.1-MIT
/** A list of places with live preview: that of the quick search, and that of candidates. */

import * as vscode from "vscode";

import type { Notices } from "./notices";
import type { Opener, Target } from "./opener";
import { setting } from "./settings";
import { inLabel } from "./text";

const PREVIEW_MS = 60;

/** An item of the list. */
export interface PlaceItem extends vscode.QuickPickItem {
  target?: Target;
  /** What it does where it is no place. */
  run?: () => Thenable<unknown>;
}

const ICONS: Record<string, string> = {
  function: "symbol-function",
  method: "symbol-method",
  class: "symbol-class",
  struct: "symbol-structure",
  interface: "symbol-interface",
  enum: "symbol-enum",
  type: "symbol-type-parameter",
  module: "symbol-module",
  constant: "symbol-constant",
  variable: "symbol-variable",
  field: "symbol-field",
  key: "symbol-key",
};

/** Returns an item; its texts are those of indexed files, made safe. */
export function placeItem(target: Target, kind: string, title: string, detail: string): PlaceItem {
  const state = target.freshness === "fresh" ? "" : ` · ${target.freshness}`;
  return {
    label: `$(${ICONS[kind] ?? "code"}) ${inLabel(title, 120)}`,
    description: `${inLabel(target.path, 200)}:${target.line}${state}`,
    detail: inLabel(detail.trim(), 200),
    alwaysShow: true, // the daemon has chosen: the list's own filter knows words alone
    target,
    buttons: [{ iconPath: new vscode.ThemeIcon("split-horizontal"), tooltip: vscode.l10n.t("Open to the Side") }],
  };
}

/** A quick pick whose chosen place is shown while the list stands; what was there before comes back with Escape. */
export class PlacePick {
  readonly pick = vscode.window.createQuickPick<PlaceItem>();
  readonly #opener: Opener;
  readonly #notices: Notices;
  readonly #before: { editor: vscode.TextEditor; selection: vscode.Selection; top: vscode.Range | undefined } | null;
  #timer: NodeJS.Timeout | undefined;
  #previewed: vscode.Uri | undefined;
  #isOver = false;

  constructor(opener: Opener, notices: Notices) {
    this.#opener = opener;
    this.#notices = notices;
    const editor = vscode.window.activeTextEditor;
    this.#before = editor ? { editor, selection: editor.selection, top: editor.visibleRanges[0] } : null;
    this.pick.matchOnDescription = this.pick.matchOnDetail = true;
    this.pick.onDidChangeActive(([item]) => this.#schedule(item));
    this.pick.onDidAccept(() => void this.#accept(this.pick.activeItems[0], "open"));
    this.pick.onDidTriggerItemButton(({ item }) => void this.#accept(item, "side"));
    this.pick.onDidHide(() => void this.#hidden());
  }

  #schedule(item: PlaceItem | undefined): void {
    clearTimeout(this.#timer);
    const target = item?.target;
    if (target && setting("quickSearch.preview")) {
      this.#timer = setTimeout(() => void this.#preview(target), PREVIEW_MS);
    }
  }

  async #preview(target: Target): Promise<void> {
    try {
      const editor = await this.#opener.open(target, "preview", this.#before?.editor.viewColumn);
      this.#previewed = editor.document.uri;
      if (this.#isOver) {
        this.#opener.unmark();
      }
    } catch {
      // what cannot be shown is told when it is opened
    }
  }

  async #accept(item: PlaceItem | undefined, mode: "open" | "side"): Promise<void> {
    if (!item) {
      return;
    }
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.pick.hide();
    try {
      await (item.target ? this.#opener.open(item.target, mode) : item.run?.());
    } catch (error) {
      await this.#notices.error(error);
    }
  }

  async #hidden(): Promise<void> {
    clearTimeout(this.#timer);
    this.#opener.unmark();
    this.pick.dispose();
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#before) {
      const { editor, selection, top } = this.#before;
      const viewColumn = editor.viewColumn ?? vscode.ViewColumn.Active;
      const shown = await vscode.window.showTextDocument(editor.document, { viewColumn, selection });
      if (top) {
        shown.revealRange(top, vscode.TextEditorRevealType.AtTop);
      }
    } else if (this.#previewed) {
      await closePreview(this.#previewed);
    }
  }
}

async function closePreview(uri: vscode.Uri): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  const ours = tabs.filter(
    (tab) => tab.isPreview && tab.input instanceof vscode.TabInputText && tab.input.uri.toString() === uri.toString(),
  );
  await vscode.window.tabGroups.close(ours);
}
