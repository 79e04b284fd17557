// SPDX-License-Identifier: FSL-1.1-MIT
/** Packed context for a model: copied, or put into the text. */

import type { ContextResponse } from "@conexus/client";
import * as vscode from "vscode";

import type { Filters } from "./messages";
import type { Searching } from "./searching";
import type { Session } from "./session";
import { setting } from "./settings";

const SAID_MS = 6_000;

/** Packs context. */
export class Contexts {
  readonly #session: Session;
  readonly #searching: Searching;

  constructor(session: Session, searching: Searching) {
    this.#session = session;
    this.#searching = searching;
  }

  /** Returns the code for a question, within a budget of tokens. */
  async pack(query: string, maxTokens?: number, filters?: Filters): Promise<ContextResponse> {
    const filter = await this.#searching.filter(filters);
    const body = {
      query,
      filter,
      max_tokens: maxTokens ?? setting("context.maxTokens"),
      format: setting("context.format"),
    };
    return this.#session.ask("context", (client) => client.context(body));
  }

  /** Copies the code for a question, under the filters with which it was asked. */
  async copy(given: unknown, filters?: Filters): Promise<void> {
    const packed = await this.#packed(given, filters);
    if (packed) {
      await vscode.env.clipboard.writeText(packed.text);
      const pieces = packed.blocks.length;
      const text =
        pieces === 1
          ? vscode.l10n.t("Copied: 1 piece of code, {0} tokens", packed.tokens)
          : vscode.l10n.t("Copied: {0} pieces of code, {1} tokens", pieces, packed.tokens);
      vscode.window.setStatusBarMessage(text, SAID_MS);
    }
  }

  /** Puts the code for a question where the cursor is; the text stays as it is where nothing is found. */
  async insert(given: unknown): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (!editor) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Open a file first: there is nowhere to insert."));
      return;
    }
    const packed = await this.#packed(given);
    if (packed) {
      await editor.edit((edit) => edit.replace(editor.selection, packed.text));
    }
  }

  async #packed(given: unknown, filters?: Filters): Promise<ContextResponse | null> {
    const query = typeof given === "string" && given.trim() !== "" ? given : await askedFor();
    if (!query) {
      return null;
    }
    const title = vscode.l10n.t("Conexus: packing context");
    const packed = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => this.pack(query, undefined, filters));
    if (packed.blocks.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Nothing was found that answers the question."));
      return null;
    }
    return packed;
  }
}

/** Asks for a question; what is selected stands there already. */
async function askedFor(): Promise<string | undefined> {
  const editor = vscode.window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection).trim() ?? "";
  return vscode.window.showInputBox({
    title: vscode.l10n.t("Context for AI"),
    prompt: vscode.l10n.t("What is the code needed for? It is packed into at most {0} tokens.", setting("context.maxTokens")),
    value: selected.includes("\n") ? "" : selected,
    ignoreFocusOut: true,
  });
}
