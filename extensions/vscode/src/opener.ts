// SPDX-License-Identifier: FSL-1.1-MIT
/** Opens results at their line, and shows indexed text where there is no file. */

import type { Result } from "@conexus/client";
import * as vscode from "vscode";

import { fileIn } from "./files";
import { lineOf } from "./locating";
import type { OpenMode } from "./messages";
import type { Session } from "./session";

export const SCHEME = "conexus-indexed";
const NAMED_MS = 6_000;

/** What is needed of a result to open it. */
export type Target = Pick<Result, "repository" | "root" | "path" | "line" | "start_line" | "end_line" | "text" | "freshness">;

/** Opens results. */
export class Opener implements vscode.Disposable, vscode.TextDocumentContentProvider {
  readonly #session: Session;
  readonly #marked = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor("editor.rangeHighlightBackground"),
    isWholeLine: true,
  });
  readonly #registration: vscode.Disposable;

  constructor(session: Session) {
    this.#session = session;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  /** Opens a result; returns the editor that shows it. */
  async open(target: Target, mode: OpenMode, viewColumn?: vscode.ViewColumn): Promise<vscode.TextEditor> {
    const document = await vscode.workspace.openTextDocument(await this.#uri(target));
    const lines = document.getText().split(/\r?\n/);
    const line = lineOf(target, lines) - 1;
    const selection = new vscode.Range(line, 0, line, 0);
    const isPreview = mode === "preview";
    const column = mode === "side" ? vscode.ViewColumn.Beside : (viewColumn ?? vscode.ViewColumn.Active);
    const options = { selection, preview: isPreview, preserveFocus: isPreview, viewColumn: column };
    const editor = await vscode.window.showTextDocument(document, options);
    editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    const last = Math.min(line + Math.max(0, target.end_line - target.line), document.lineCount - 1);
    editor.setDecorations(this.#marked, isPreview ? [new vscode.Range(line, 0, last, 0)] : []);
    return editor;
  }

  /** Takes the marks of previews away. */
  unmark(): void {
    vscode.window.visibleTextEditors.forEach((editor) => editor.setDecorations(this.#marked, []));
  }

  /** The text of a file as indexed, by an address that {@link indexedUri} made. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const found: unknown = JSON.parse(uri.query);
    const { repository, path } = found as { repository: unknown; path: unknown };
    if (typeof repository !== "string" || typeof path !== "string") {
      throw new Error("no address of an indexed file");
    }
    const file = await this.#session.ask("file", (client) => client.file({ repository, path }));
    return file.text;
  }

  dispose(): void {
    this.#registration.dispose();
    this.#marked.dispose();
  }

  async #uri(target: Target): Promise<vscode.Uri> {
    if (target.root) {
      const found = await fileIn(target.root, target.path);
      if (found.kind === "file") {
        return vscode.Uri.file(this.#session.shown(found.path));
      }
      vscode.window.setStatusBarMessage(
        found.kind === "gone"
          ? vscode.l10n.t("The file is gone; this is its text as indexed.")
          : vscode.l10n.t("The file is a link out of its repository now; this is its text as indexed."),
        NAMED_MS,
      );
    }
    return indexedUri(target.root || target.repository, target.path);
  }
}

/** Returns the address of a file's indexed text. */
export function indexedUri(repository: string, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${path}`, query: JSON.stringify({ repository, path }) });
}
