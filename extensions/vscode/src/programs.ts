// SPDX-License-Identifier: FSL-1.1-MIT
/** The installed program of this machine: found once, asked for its version, started. */

import { join } from "node:path";

import * as vscode from "vscode";

import { type Binary, type Ended, findBinary, run, type Source } from "./binaries";
import type { Log } from "./log";
import { isWithin } from "./places";
import { machineSetting } from "./settings";
import { inNotification } from "./text";
import { requireTrust } from "./trust";

const ALLOWED = "allowedPrograms";
const PYTHON_EXTENSION = "ms-python.python";
const START_MS = 90_000;
const ASK_MS = 20_000;

/** The part of the Python extension's interface that is used. */
interface PythonApi {
  environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(path: unknown): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
  };
}

/** Finds and runs `conexus`. Nothing of it runs in a workspace that is not trusted. */
export class Programs {
  readonly #context: vscode.ExtensionContext;
  readonly #log: Log;
  #found: Promise<Binary | null> | undefined;

  constructor(context: vscode.ExtensionContext, log: Log) {
    this.#context = context;
    this.#log = log;
  }

  /** Folder of the environment that the extension makes. */
  get privateFolder(): string {
    return join(this.#context.globalStorageUri.fsPath, "environment");
  }

  /** Returns the program, or `null`. The answer is kept until {@link forget}. */
  find(): Promise<Binary | null> {
    this.#found ??= this.#find();
    return this.#found;
  }

  forget(): void {
    this.#found = undefined;
  }

  /** Returns what a program says its version is; empty where it does not. */
  async versionOf(binary: Binary): Promise<string> {
    const { out } = await run(binary.path, ["--version"], {}, ASK_MS);
    return /\d+\.\d+[\w.+-]*/.exec(out)?.[0] ?? "";
  }

  /** Starts the daemon; where its usual ports are taken, on any free ones. */
  async startDaemon(binary: Binary): Promise<Ended> {
    const ended = await this.run(binary, ["daemon", "start"], START_MS);
    return ended.code === 0 ? ended : this.run(binary, ["daemon", "start", "--port", "0", "--grpc-port", "0"], START_MS);
  }

  /** Stops the daemon. */
  stopDaemon(binary: Binary): Promise<Ended> {
    return this.run(binary, ["daemon", "stop"], START_MS);
  }

  /** Returns the data folder of the daemon that runs by the program's own settings; `null` where none runs. */
  async dataFolderOf(binary: Binary): Promise<string | null> {
    const { out } = await this.run(binary, ["daemon", "status", "--json"], ASK_MS);
    try {
      const found = JSON.parse(out) as { data_dir?: unknown };
      return typeof found.data_dir === "string" && found.data_dir !== "" ? found.data_dir : null;
    } catch {
      return null;
    }
  }

  /** Variables that the program is started with, beside those of this process. */
  variables(): Record<string, string> {
    const folder = machineSetting("dataFolder");
    return folder === "" ? {} : { CONEXUS_HOME: folder };
  }

  async run(binary: Binary, args: readonly string[], timeoutMs: number): Promise<Ended> {
    requireTrust();
    const ended = await run(binary.path, args, this.variables(), timeoutMs);
    this.#log.info(`conexus ${args.slice(0, 2).join(" ")}: exit code ${ended.code}`);
    if (ended.code !== 0 && ended.err !== "") {
      this.#log.trouble(ended.err.trim().slice(-2000));
    }
    return ended;
  }

  async #find(): Promise<Binary | null> {
    const found = await findBinary({
      setting: machineSetting("path"),
      path: process.env.PATH ?? "",
      python: await selectedPython(),
      privateFolder: this.privateFolder,
      mayUse: (path, source) => this.#mayUse(path, source),
    });
    this.#log.info(found ? `conexus found by ${found.source}` : "conexus not found");
    return found;
  }

  /** A program within the workspace came with the workspace: it is asked for once, and never used unasked. */
  async #mayUse(path: string, source: Source): Promise<boolean> {
    const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
    if (source === "setting" || !folders.some((folder) => isWithin(path, folder))) {
      return true;
    }
    const allowed = this.#context.globalState.get<string[]>(ALLOWED, []);
    if (!vscode.workspace.isTrusted || allowed.includes(path)) {
      return vscode.workspace.isTrusted;
    }
    const use = vscode.l10n.t("Use It");
    const question = vscode.l10n.t("Conexus was found within this workspace: {0}. Use this program?", inNotification(path));
    if ((await vscode.window.showWarningMessage(question, use, vscode.l10n.t("Do Not Use"))) !== use) {
      return false;
    }
    await this.#context.globalState.update(ALLOWED, [...allowed, path]);
    return true;
  }
}

/** Returns the interpreter that is selected in the Python extension; empty where there is none, or no such extension. */
async function selectedPython(): Promise<string> {
  const extension = vscode.extensions.getExtension<PythonApi>(PYTHON_EXTENSION);
  if (!extension || !vscode.workspace.isTrusted) {
    return "";
  }
  try {
    const { environments } = await extension.activate();
    const path = environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
    const environment = await environments.resolveEnvironment(path);
    return environment?.executable.uri?.fsPath ?? "";
  } catch {
    return "";
  }
}
