// SPDX-License-Identifier: FSL-1.1-MIT
/** Offers to install Conexus into an environment of its own. The command is shown before it runs, in a terminal. */

import { isAbsolute } from "node:path";

import * as vscode from "vscode";

import { installCommand, isInstallable } from "./installing";
import type { Programs } from "./programs";
import type { Session } from "./session";
import { machineSetting } from "./settings";
import { requireTrust } from "./trust";

const LOOK_MS = 3_000;
const MOST_LOOKS = 200;

/** Shows the command, and runs it where the user says so. */
export async function install(programs: Programs, session: Session): Promise<void> {
  requireTrust();
  const wanted = machineSetting("install.package");
  const python = machineSetting("install.python");
  if (!isInstallable(wanted) || (python !== "" && !isAbsolute(python))) {
    void vscode.window.showErrorMessage(
      vscode.l10n.t("The settings conexus.install.package and conexus.install.python have to be a package or absolute paths."),
    );
    return;
  }
  const command = installCommand(python, programs.privateFolder, wanted);
  const run = vscode.l10n.t("Run in Terminal");
  const copy = vscode.l10n.t("Copy Command");
  const detail = vscode.l10n.t("It makes a Python environment that nothing else uses, and installs Conexus into it:\n\n{0}", command);
  const chosen = await vscode.window.showInformationMessage(vscode.l10n.t("Install Conexus?"), { modal: true, detail }, run, copy);
  if (chosen === copy) {
    await vscode.env.clipboard.writeText(command);
  } else if (chosen === run) {
    const terminal = vscode.window.createTerminal({ name: "Conexus", shellPath: "/bin/sh", env: { PIP_DISABLE_PIP_VERSION_CHECK: "1" } });
    terminal.show();
    terminal.sendText(command);
    void untilThere(programs, session);
  }
}

/** Looks for the program until it is there, and begins. */
async function untilThere(programs: Programs, session: Session): Promise<void> {
  for (let look = 0; look < MOST_LOOKS && session.known.link === "missing"; look++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    programs.forget();
    const found = await programs.find();
    if (found && (await programs.versionOf(found)) !== "") {
      await session.anew();
      return;
    }
  }
}
