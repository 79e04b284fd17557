// SPDX-License-Identifier: FSL-1.1-MIT
/** A report of a problem, opened as a text for the user to read, complete and send. Nothing is sent from here. */

import * as vscode from "vscode";

import { reportOf } from "./diagnostics";
import type { Log } from "./log";
import type { Programs } from "./programs";
import type { Session } from "./session";
import { changedSettings } from "./settings";

interface Manifest {
  version: string;
  contributes: { configuration: { properties: Record<string, unknown> } };
}

/** Opens the report. */
export async function reportProblem(context: vscode.ExtensionContext, session: Session, programs: Programs, log: Log): Promise<void> {
  const manifest = context.extension.packageJSON as Manifest;
  const names = Object.keys(manifest.contributes.configuration.properties).map((name) => name.replace(/^conexus\./, ""));
  const binary = await programs.find();
  const text = reportOf(
    {
      extension: manifest.version,
      editor: `${vscode.env.appName} ${vscode.version}`,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      remote: vscode.env.remoteName ?? "",
      trusted: vscode.workspace.isTrusted,
      folders: session.folders.length,
      binary: binary?.source ?? "",
      binaryVersion: binary && vscode.workspace.isTrusted ? await programs.versionOf(binary) : "",
      settings: changedSettings(names),
      log: log.kept(),
    },
    session.known,
  );
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: "markdown", content: text }));
}
