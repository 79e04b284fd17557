// SPDX-License-Identifier: FSL-1.1-MIT
/** Finds the daemon of this machine's user, as the programs of Conexus do. For Node alone. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { type Client, ConexusError, connect, type Options } from "./index.js";

/** Where a daemon listens, and the token that it takes. */
export interface Address {
  pid: number;
  version: string;
  /** For clients on this machine, as `http://127.0.0.1:7520`. */
  http: string;
  /** As `127.0.0.1:7521`; empty where there is none. */
  grpc: string;
  /** In seconds since the epoch. */
  startedAt: number;
  token: string;
}

/** Whose daemon is meant. */
export interface Place {
  /** The data folder; where it is left out, that of the environment or the usual one. */
  dataFolder?: string | undefined;
}

const STATE = "daemon.json";
const TOKEN = "daemon.token";
const TOKEN_FORM = /^[A-Za-z0-9_-]{43}$/;
const HTTP_FORM = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;
const MOST_STATE_BYTES = 10_000;
const MOST_TOKEN_BYTES = 200;
const OTHERS = 0o077;

/**
 * Returns a client of the daemon that runs.
 *
 * @throws ConexusError with `unavailable` where none runs, `store` where its token is not safe.
 */
export async function connectLocal(options: Place & Omit<Options, "url" | "token"> = {}): Promise<Client> {
  const { dataFolder: folder, ...others } = options;
  const found = await findDaemon({ dataFolder: folder });
  if (found === null) {
    throw new ConexusError("unavailable", "no daemon runs", { hint: "start one: conexus daemon start" });
  }
  return connect({ ...others, url: found.http, token: found.token });
}

/**
 * Returns where the daemon of a data folder listens, or `null` where none runs (or not yet).
 *
 * @throws ConexusError with `store` where the token cannot be read, or others may read it.
 */
export async function findDaemon(place: Place = {}): Promise<Address | null> {
  const folder = place.dataFolder ?? dataFolder();
  const state = await stateOf(join(folder, STATE));
  if (state === null || !isMine(state.pid)) {
    return null;
  }
  const token = await tokenOf(join(folder, TOKEN));
  return token === null ? null : { ...state, token };
}

/** Returns the data folder of an environment. A `store.path` of the settings file is not seen: give it by itself. */
export function dataFolder(environ: NodeJS.ProcessEnv = process.env): string {
  const named = environ["CONEXUS_STORE_PATH"] || environ["CONEXUS_HOME"];
  if (named) {
    return resolve(named.replace(/^~(?=\/|$)/, homedir()));
  }
  if (process.platform === "darwin") {
    return join(homedir(), "Library", "Application Support", "conexus");
  }
  return join(environ["XDG_DATA_HOME"]?.trim() || join(homedir(), ".local", "share"), "conexus");
}

async function stateOf(path: string): Promise<Omit<Address, "token"> | null> {
  let found: unknown;
  try {
    found = JSON.parse(await beginning(await open(path, constants.O_RDONLY | constants.O_NONBLOCK), MOST_STATE_BYTES));
  } catch {
    return null;
  }
  const { pid, version, http, grpc, started_at: startedAt } = (found ?? {}) as Record<string, unknown>;
  const isState =
    typeof pid === "number" &&
    typeof version === "string" &&
    typeof http === "string" &&
    HTTP_FORM.test(http) &&
    typeof grpc === "string" &&
    typeof startedAt === "number";
  return isState ? { pid, version, http, grpc, startedAt } : null;
}

/**
 * Whether a process of the user's own lives that has this number.
 *
 * The programs of Conexus look at a lock, which Node cannot. Without either, what was written down by a daemon that was
 * killed would send the token to whoever listens there now.
 */
function isMine(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1) {
    return false;
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function tokenOf(path: string): Promise<string | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      return null;
    }
    throw new ConexusError("store", `cannot read ${path}: ${code}`, { cause: error });
  }
  const { mode, uid } = await handle.stat();
  if (mode & OTHERS || uid !== process.geteuid?.()) {
    await handle.close();
    throw new ConexusError("store", `others can read ${path}`, {
      hint: `delete it, then start the daemon again: rm ${path}`,
    });
  }
  const text = (await beginning(handle, MOST_TOKEN_BYTES)).trim();
  return TOKEN_FORM.test(text) ? text : null;
}

/** Reads the first bytes of a file, and closes it. */
async function beginning(handle: FileHandle, most: number): Promise<string> {
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(most), 0, most, 0);
    return buffer.toString("utf-8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
