// SPDX-License-Identifier: FSL-1.1-MIT
/** The settings, typed. Defaults and what is allowed stand in the manifest. */

import { homedir } from "node:os";

import * as vscode from "vscode";

import { isAllowed, type Rule, withHome } from "./setting_values";
import { inNotification } from "./text";

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

const PATHS: readonly string[] = ["path", "dataFolder", "install.package", "install.python"];
const told = new Set<string>();
let rules: Record<string, Rule> = {};

/** Tells what the manifest says of settings. */
export function useRules(extension: vscode.Extension<unknown>): void {
  const manifest = extension.packageJSON as { contributes: { configuration: { properties: Record<string, Rule> } } };
  rules = manifest.contributes.configuration.properties;
}

/** Returns a setting of the machine. */
export function machineSetting<K extends keyof MachineSettings>(name: K): MachineSettings[K] {
  const found = vscode.workspace.getConfiguration(SECTION).inspect<MachineSettings[K]>(name);
  const value = known<MachineSettings[K]>(found?.globalValue ?? found?.defaultValue, name);
  return typeof value === "string" && PATHS.includes(name) ? (withHome(value, homedir()) as MachineSettings[K]) : value;
}

/** Returns a setting; where folders of the workspace have their own, that of the first folder or of the active file's. */
export function setting<K extends keyof WorkspaceSettings>(name: K): WorkspaceSettings[K] {
  const resource = vscode.window.activeTextEditor?.document.uri;
  const folder = (resource && vscode.workspace.getWorkspaceFolder(resource)) ?? vscode.workspace.workspaceFolders?.[0];
  return known(vscode.workspace.getConfiguration(SECTION, folder?.uri).get<WorkspaceSettings[K]>(name), name);
}

/** Returns a value that is allowed, else the default, which is told once. */
function known<T>(value: T | undefined, name: string): T {
  const rule = rules[`${SECTION}.${name}`];
  if (rule === undefined) {
    throw new Error(`the manifest has no setting ${name}`);
  }
  if (value !== undefined && isAllowed(value, rule)) {
    return value;
  }
  const shown = JSON.stringify(value ?? null);
  if (!told.has(`${name} ${shown}`)) {
    told.add(`${name} ${shown}`);
    void tellWrong(name, shown, rule);
  }
  return rule.default as T;
}

async function tellWrong(name: string, shown: string, rule: Rule): Promise<void> {
  const open = vscode.l10n.t("Open Settings");
  const usual = rule.default === "" ? vscode.l10n.t("It counts as not set.") : vscode.l10n.t("{0} is used.", JSON.stringify(rule.default));
  const message = vscode.l10n.t("The setting conexus.{0} is {1}, but has to be {2}.", name, inNotification(shown, 100), wanted(rule));
  if ((await vscode.window.showWarningMessage(`${message} ${usual}`, open)) === open) {
    await vscode.commands.executeCommand("workbench.action.openSettings", `${SECTION}.${name}`);
  }
}

function wanted(rule: Rule): string {
  if (rule.type === "integer") {
    return vscode.l10n.t("a whole number from {0} to {1}", rule.minimum ?? 0, rule.maximum ?? Number.MAX_SAFE_INTEGER);
  }
  if (rule.enum) {
    return vscode.l10n.t("one of {0}", rule.enum.map((one) => JSON.stringify(one)).join(", "));
  }
  return rule.type === "boolean" ? vscode.l10n.t("true or false") : (rule.patternErrorMessage ?? vscode.l10n.t("a text"));
}

/** Where a setting is changed so that the change counts: where it is set already, nearest first. */
export function placeOf(name: keyof WorkspaceSettings): vscode.ConfigurationTarget {
  const found = vscode.workspace.getConfiguration(SECTION, vscode.workspace.workspaceFolders?.[0]?.uri).inspect(name);
  if (found?.workspaceFolderValue !== undefined) {
    return vscode.ConfigurationTarget.WorkspaceFolder;
  }
  return found?.workspaceValue === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
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
