// SPDX-License-Identifier: FSL-1.1-MIT
/** The output channel. It is told operations, times and error codes; never a question, code, a token. */

import * as vscode from "vscode";

const KEPT_LINES = 200;

/** Writes the output channel, and keeps the last lines that a report may hold. */
export class Log implements vscode.Disposable {
  readonly #channel: vscode.LogOutputChannel;
  readonly #kept: string[] = [];

  constructor() {
    this.#channel = vscode.window.createOutputChannel("Conexus", { log: true });
  }

  /** A fact that names nobody's files; it may stand in a report. */
  info(text: string): void {
    this.#channel.info(text);
    this.#keep("info", text);
  }

  /** As {@link info}, of something that went wrong. */
  warn(text: string): void {
    this.#channel.warn(text);
    this.#keep("warn", text);
  }

  /** What may name files or folders: it stands in the channel alone. */
  detail(text: string): void {
    this.#channel.debug(text);
  }

  /** What went wrong, with the names it needs: it stands in the channel alone. */
  trouble(text: string): void {
    this.#channel.error(text);
  }

  /** The last lines that may stand in a report, oldest first. */
  kept(): readonly string[] {
    return this.#kept;
  }

  show(): void {
    this.#channel.show();
  }

  dispose(): void {
    this.#channel.dispose();
  }

  #keep(level: string, text: string): void {
    this.#kept.push(`${new Date().toISOString().slice(11, 19)} ${level} ${text}`);
    this.#kept.splice(0, this.#kept.length - KEPT_LINES);
  }
}
