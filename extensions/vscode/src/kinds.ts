// SPDX-License-Identifier: FSL-1.1-MIT
/** Kinds of definitions, with the words for them. */

import * as vscode from "vscode";

import type { Choice } from "./messages";

/** Returns the kinds that can be filtered by. */
export function kinds(): Choice[] {
  return Object.entries(words()).map(([value, label]) => ({ value, label }));
}

/** Returns the word for a kind; the kind itself where there is none. */
export function kindWord(kind: string): string {
  return words()[kind] ?? kind;
}

function words(): Record<string, string> {
  return {
    function: vscode.l10n.t("function"),
    method: vscode.l10n.t("method"),
    class: vscode.l10n.t("class"),
    struct: vscode.l10n.t("struct"),
    interface: vscode.l10n.t("interface"),
    enum: vscode.l10n.t("enum"),
    type: vscode.l10n.t("type"),
    module: vscode.l10n.t("module"),
    constant: vscode.l10n.t("constant"),
    variable: vscode.l10n.t("variable"),
    field: vscode.l10n.t("field"),
    macro: vscode.l10n.t("macro"),
    section: vscode.l10n.t("section"),
    key: vscode.l10n.t("key"),
    rule: vscode.l10n.t("rule"),
    table: vscode.l10n.t("table"),
    resource: vscode.l10n.t("resource"),
  };
}
