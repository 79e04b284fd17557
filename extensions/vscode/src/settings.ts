// SPDX-License-Identifier: FSL-1.1-MIT
/** The settings, typed. Defaults stand in the manifest. */

import * as vscode from "vscode";

export const SECTION = "conexus";

/** Settings that are this machine's: what a workspace says of them does not count, whatever the editor lets it. */
export interface MachineSettings {
  path: string;
  dataFolder: string;
  "daemon.autoStart": boolean;
  "daemon.url": string;
  "install.package": string;
  "install.python": string;
}

/** Settings that a trusted workspace may have of its own. */
export interface WorkspaceSettings {
  "search.scope": "workspace" | "all";
  "search.limit": number;
  "search.tests": boolean;
  "search.snippetLines": number;
  "search.historySize": number;
  "quickSearch.preview": boolean;
  "context.maxTokens": number;
  "context.format": "markdown" | "xml";
  "codeLens.enabled": boolean;
  "index.onOpen": boolean;
  "ai.provider": "mcp" | "tools" | "off";
}

/** Returns a setting of the machine. */
export function machineSetting<K extends keyof MachineSettings>(name: K): MachineSettings[K] {
  const found = vscode.workspace.getConfiguration(SECTION).inspect<MachineSettings[K]>(name);
  return known(found?.globalValue ?? found?.defaultValue, name);
}

/** Returns a setting. */
export function setting<K extends keyof WorkspaceSettings>(name: K): WorkspaceSettings[K] {
  return known(vscode.workspace.getConfiguration(SECTION).get<WorkspaceSettings[K]>(name), name);
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw new Error(`the manifest has no setting ${name}`);
  }
  return value;
}

/** Returns the settings that differ from their defaults, for a report: of texts only that they are set. */
export function changedSettings(names: readonly string[]): [string, string][] {
  const config = vscode.workspace.getConfiguration(SECTION);
  return names.flatMap((name): [string, string][] => {
    const value = config.get<unknown>(name);
    const usual = config.inspect(name)?.defaultValue;
    return value === usual ? [] : [[name, typeof value === "string" && !/^[a-z]{0,20}$/.test(value) ? "set" : JSON.stringify(value)]];
  });
}
