// SPDX-License-Identifier: FSL-1.1-MIT
/** Where an installed `conexus` is looked for, and how it is started. For Node; nothing of the editor. */

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** What said where the program is. */
export type Source = "setting" | "path" | "python" | "private";

/** A program that is there. */
export interface Binary {
  path: string;
  source: Source;
}

/** Where to look, most wanted first. */
export interface Hints {
  /** The setting; where it is set, nothing else is tried. */
  setting: string;
  /** The variable `PATH`. */
  path: string;
  /** Interpreter of the Python environment that is selected; empty where there is none. */
  python: string;
  /** Folder of the environment that the extension makes. */
  privateFolder: string;
  /** Whether a program may be used at all, as one in a folder that somebody else wrote may not. */
  mayUse: (path: string, source: Source) => Promise<boolean>;
}

/** What a finished program gave. */
export interface Ended {
  code: number;
  out: string;
  err: string;
}

const NAME = "conexus";
const MOST_OUTPUT_BYTES = 1_000_000;
const NOT_PASSED = /^(?:VSCODE_|ELECTRON_|CHROME_|NODE_OPTIONS$|PYTHONHOME$|PYTHONSTARTUP$|PYTHONINSPECT$)/;

/** Returns the first place that has the program, or `null`. */
export async function findBinary(hints: Hints): Promise<Binary | null> {
  for (const { path, source } of candidates(hints)) {
    if ((await isProgram(path)) && (await hints.mayUse(path, source))) {
      return { path, source };
    }
  }
  return null;
}

/** Returns where to look, in order. Relative entries of `PATH` depend on the current folder, and are passed over. */
export function candidates(hints: Omit<Hints, "mayUse">): Binary[] {
  if (hints.setting !== "") {
    return isAbsolute(hints.setting) ? [{ path: hints.setting, source: "setting" }] : [];
  }
  const onPath = hints.path.split(delimiter).filter((folder) => isAbsolute(folder));
  return [
    ...onPath.map((folder): Binary => ({ path: join(folder, NAME), source: "path" })),
    ...(isAbsolute(hints.python) ? [{ path: join(dirname(hints.python), NAME), source: "python" } as const] : []),
    { path: join(hints.privateFolder, "bin", NAME), source: "private" },
  ];
}

/** Runs the program without a shell, in the home folder, so that no file of a workspace counts. Never rejects. */
export function run(path: string, args: readonly string[], env: Record<string, string>, timeoutMs: number): Promise<Ended> {
  const options = { env: environment(process.env, env), cwd: homedir(), timeout: timeoutMs, maxBuffer: MOST_OUTPUT_BYTES };
  return new Promise((resolve) => {
    execFile(path, [...args], { ...options, shell: false, encoding: "utf-8" }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, out, err: err || (error && code === -1 ? error.message : "") });
    });
  });
}

/** Returns variables for a program: those of this process but for the editor's own. */
export function environment(environ: NodeJS.ProcessEnv, extra: Record<string, string>): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(environ).filter(([name]) => !NOT_PASSED.test(name))), ...extra };
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
