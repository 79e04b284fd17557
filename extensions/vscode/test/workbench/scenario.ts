// SPDX-License-Identifier: FSL-1.1-MIT
/** Groups of scenarios: each group has a machine and a workbench of its own, each scenario one line of output. */

import fs from "node:fs";
import path from "node:path";

import { Machine } from "./machine";
import { type Options, scratch, type Tools, Workbench } from "./workbench";

/** What a scenario works with. */
export interface Stage {
  tools: Tools;
  machine: Machine;
  bench: Workbench;
  /** The folder that is open. */
  folder: string;
  /** Takes a picture of the window. */
  picture: (name: string) => Promise<void>;
}

export interface Group {
  name: string;
  /** Prepares the machine, and says what is opened. */
  prepare: (machine: Machine, tools: Tools) => Promise<Options> | Options;
  scenarios: [name: string, act: (stage: Stage) => Promise<void>][];
}

/** What came of all. */
export interface Outcome {
  passed: number;
  failed: string[];
}

/** Runs a group; a scenario that fails leaves a picture, and the next one is begun all the same. */
export async function runGroup(group: Group, tools: Tools, pictures: string): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: [] };
  const machine = new Machine(scratch(), tools.conexus);
  let bench: Workbench | undefined;
  try {
    const options = await group.prepare(machine, tools);
    const opened = await Workbench.start(tools, machine, options);
    bench = opened;
    await opened.open();
    const picture = async (name: string): Promise<void> => void (await opened.page.screenshot({ path: path.join(pictures, `${name}.png`) }));
    for (const [name, act] of group.scenarios) {
      const begun = Date.now();
      try {
        await act({ tools, machine, bench: opened, folder: options.open, picture });
        outcome.passed += 1;
        console.log(`ok ${group.name}: ${name} (${Date.now() - begun} ms)`);
      } catch (error) {
        outcome.failed.push(`${group.name}: ${name}`);
        console.log(`NOT OK ${group.name}: ${name} (${Date.now() - begun} ms)\n  ${String(error).slice(0, 1500)}`);
        await picture(`failed-${group.name}-${outcome.failed.length}`);
        if (process.env.STOP) {
          break;
        }
      }
    }
    if (opened.failures.length || opened.dialogs.length || opened.outside.length) {
      outcome.failed.push(`${group.name}: no failed activation, no dialog of a page, no request to elsewhere`);
      console.log(`NOT OK ${group.name}: ${JSON.stringify([opened.failures, opened.dialogs, opened.outside]).slice(0, 1500)}`);
    }
  } catch (error) {
    outcome.failed.push(`${group.name}: to begin`);
    console.log(`NOT OK ${group.name}: to begin\n  ${String(error).slice(0, 1500)}`);
    await bench?.page.screenshot({ path: path.join(pictures, `failed-${group.name}.png`) }).catch(() => undefined);
  } finally {
    await bench?.close();
    if (process.env.KEEP) {
      console.log(`kept: ${machine.root}`);
      machine.run("daemon", "stop");
    } else {
      machine.end();
    }
  }
  return outcome;
}

/** Every file below a folder, as text. */
export function textsBelow(folder: string): [string, string][] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => [file, fs.readFileSync(file, "latin1")]);
}
