// SPDX-License-Identifier: FSL-1.1-MIT
/** How errors are told: once, with what to do next. */

import { ConexusError } from "@conexus/client";
import * as vscode from "vscode";

import { refusalOf } from "./limits";
import type { Log } from "./log";
import { Repeats } from "./repeats";
import { inNotification, joined } from "./text";
import { manageTrust, NotTrusted } from "./trust";

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
  readonly #repeats = new Repeats();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Shows an error; what is told twice at once is shown once. */
  async error(error: unknown): Promise<void> {
    const { message, hint } = inWords(error);
    const text = joined(message, hint);
    if (!this.#repeats.isRepeat(text, performance.now())) {
      await this.#show(error, text);
    }
  }

  async #show(error: unknown, text: string): Promise<void> {
    if (error instanceof ConexusError && refusalOf(error)) {
      await vscode.commands.executeCommand("conexus.explainLimit", refusalOf(error));
      return;
    }
    if (error instanceof NotTrusted) {
      const trust = vscode.l10n.t("Manage Workspace Trust");
      if ((await vscode.window.showWarningMessage(text, trust)) === trust) {
        await manageTrust();
      }
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
