// SPDX-License-Identifier: FSL-1.1-MIT
/** A list of places with live preview: that of the quick search, and that of candidates. */

import * as vscode from "vscode";

import type { Notices } from "./notices";
import type { Opener, Target } from "./opener";
import { setting } from "./settings";
import { Standing } from "./standing";
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
  const state = { fresh: "", stale: ` · ${vscode.l10n.t("changed since")}`, missing: ` · ${vscode.l10n.t("file is gone")}` }[target.freshness];
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
  readonly #before = new Standing();
  readonly #goBack: (() => Promise<void>) | null;
  #timer: NodeJS.Timeout | undefined;
  /** Previews one after the other: what is put back at the end comes after the last. */
  #previews: Promise<void> = Promise.resolve();
  #wasPreviewed = false;
  #isOver = false;

  /** `goBack` puts the focus back where the editor does not do it by itself, as into the search view. */
  constructor(opener: Opener, notices: Notices, goBack: (() => Promise<void>) | null = null) {
    this.#opener = opener;
    this.#notices = notices;
    this.#goBack = goBack;
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
      this.#timer = setTimeout(() => {
        this.#previews = this.#previews.then(() => this.#preview(target));
      }, PREVIEW_MS);
    }
  }

  async #preview(target: Target): Promise<void> {
    if (this.#isOver) {
      return;
    }
    try {
      this.#wasPreviewed = true;
      const editor = await this.#opener.open(target, "preview", this.#before.column);
      await this.#before.previewed(editor.document.uri);
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
    await this.#previews;
    this.#opener.unmark();
    try {
      if (item.target) {
        if (mode === "side") {
          await this.#restore();
        }
        const { document } = await this.#opener.open(item.target, mode);
        await this.#before.settle(document.uri);
      } else {
        await item.run?.();
      }
    } catch (error) {
      await this.#notices.error(error);
    }
  }

  async #hidden(): Promise<void> {
    clearTimeout(this.#timer);
    this.pick.dispose();
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    await this.#previews;
    this.#opener.unmark();
    await this.#restore();
    await this.#goBack?.();
  }

  async #restore(): Promise<void> {
    if (this.#wasPreviewed) {
      await this.#before.restore(this.#goBack === null);
    }
  }
}
