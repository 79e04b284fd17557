// SPDX-License-Identifier: FSL-1.1-MIT
/** Themes and accessible names. */

import assert from "node:assert/strict";
import fs from "node:fs";

import type { Frame } from "playwright-core";

import { SHOP } from "./machine";
import type { Group } from "./scenario";
import type { Workbench } from "./workbench";

const THEMES = [
  ["light", "Default Light Modern"],
  ["dark", "Default Dark Modern"],
  ["high-contrast", "Dark High Contrast"],
  ["high-contrast-light", "Light High Contrast"],
] as const;

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string }[];
}

async function violations(view: Frame): Promise<string[]> {
  await view.evaluate(fs.readFileSync("test/workbench/node_modules/axe-core/axe.min.js", "utf-8"));
  const found = await view.evaluate(async () => {
    // The page is transparent: what is behind it belongs to another frame, which the judge does not see.
    document.body.style.background = getComputedStyle(document.documentElement).getPropertyValue("--vscode-sideBar-background");
    const { axe } = globalThis as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } };
    const { violations: all } = await axe.run();
    document.body.style.background = "";
    return all;
  });
  return found.map((one) => `${one.id} (${one.impact}): ${one.nodes[0]?.html.slice(0, 200)}`);
}

async function wear(bench: Workbench, theme: string): Promise<void> {
  await bench.run("Preferences: Color Theme");
  await bench.picker().fill(theme.replace("Default ", ""));
  const row = bench.page.locator(".quick-input-list .monaco-list-row", { hasText: new RegExp(`^(?:Default )?${theme.replace("Default ", "")}`) });
  await row.first().click();
  await bench.page.waitForTimeout(700);
}

export const LOOKS: Group = {
  name: "looks",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    return { open: folder };
  },
  scenarios: [
    [
      "every theme is readable, and every control has a name",
      async ({ bench, picture }) => {
        await bench.settled("Conexus: indexed");
        const view = await bench.search("add value added tax to a bill");
        await view.evaluate(() => document.querySelector("#filters")?.setAttribute("open", ""));
        await view.locator(".result").first().click();
        await bench.activeFile("billing.py");
        for (const [name, theme] of THEMES) {
          await wear(bench, theme);
          await picture(`theme-${name}`);
          let found = await violations(view);
          for (let tries = 0; tries < 5 && found.length > 0; tries++) {
            await bench.page.waitForTimeout(500); // the colours of the page come a moment later
            found = await violations(view);
          }
          assert.deepEqual(found, [], theme);
        }
      },
    ],
  ],
};
