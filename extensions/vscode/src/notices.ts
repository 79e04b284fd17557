// SPDX-License-Identifier: FSL-1.1-MIT
/** How errors are told: once, with what to do next. */

import { ConexusError } from "@conexus/client";
import * as vscode from "vscode";

import { refusalOf } from "./limits";
import type { Log } from "./log";
import { inNotification } from "./text";

/** Returns an error in words, with the daemon's hint. */
export function inWords(error: unknown): { message: string; hint: string } {
  if (error instanceof ConexusError) {
    return { message: inNotification(error.message), hint: inNotification(error.hint ?? "") };
  }
  return { message: inNotification(error instanceof Error ? error.message : String(error)), hint: "" };
}

/** Tells errors of commands. */
export class Notices {
  readonly #log: Log;
  #shown = "";

  constructor(log: Log) {
    this.#log = log;
  }

  /** Shows an error; the same is not shown again while it stands there. */
  async error(error: unknown): Promise<void> {
    const { message, hint } = inWords(error);
    const text = hint ? `${message} ${hint}` : message;
    if (this.#shown === text) {
      return;
    }
    this.#shown = text;
    try {
      await this.#show(error, text);
    } finally {
      this.#shown = "";
    }
  }

  async #show(error: unknown, text: string): Promise<void> {
    if (error instanceof ConexusError && refusalOf(error)) {
      await vscode.commands.executeCommand("conexus.explainLimit", refusalOf(error));
      return;
    }
    const output = vscode.l10n.t("Show Output");
    const menu = vscode.l10n.t("Show Menu");
    const isLink = error instanceof ConexusError && ["unavailable", "not_started", "wrong_version", "unauthenticated"].includes(error.code);
    const chosen = await vscode.window.showErrorMessage(text, ...(isLink ? [menu, output] : [output]));
    if (chosen === output) {
      this.#log.show();
    } else if (chosen === menu) {
      await vscode.commands.executeCommand("conexus.showMenu");
    }
  }
}
