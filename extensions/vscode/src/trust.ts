// SPDX-License-Identifier: FSL-1.1-MIT
/** What is not done in Restricted Mode. Actions ask here themselves: what a menu or a link hides, a command still reaches. */

import * as vscode from "vscode";

/** That an action is not for a workspace that is not trusted: told with a button. */
export class NotTrusted extends Error {
  constructor() {
    super(vscode.l10n.t("In Restricted Mode Conexus starts and stops no program, installs none, and changes no index. What is indexed already is searched."));
  }
}

/** Throws {@link NotTrusted} in a workspace that is not trusted. */
export function requireTrust(): void {
  if (!vscode.workspace.isTrusted) {
    throw new NotTrusted();
  }
}

/** Opens the editor's page on trust. */
export async function manageTrust(): Promise<void> {
  await vscode.commands.executeCommand("workbench.trust.manage");
}
