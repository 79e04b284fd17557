// SPDX-License-Identifier: FSL-1.1-MIT
/** How long things take in the workbench; printed, and held to budgets. */

import assert from "node:assert/strict";

import { many, SHOP } from "./machine";
import type { Group } from "./scenario";

const MOST_ACTIVATION_MS = 100;
const MOST_FIRST_RESULT_MS = 150;
/** Questions, and the file that answers each. */
const QUESTIONS = [
  ["call again with exponential delays", "retry.py"],
  ["hash a password with salt", "passwords.py"],
  ["add value added tax to a bill", "billing.py"],
  ["put an article into the basket", "basket.ts"],
  ["step_7_3", "part_7.py"],
  ["compare a password in constant time", "passwords.py"],
  ["the fee that the payment provider takes", "billing.py"],
] as const;

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

export const BUDGETS: Group = {
  name: "budgets",
  prepare: (machine) => {
    const folder = machine.repository("shop", { ...SHOP, ...many(100) });
    machine.ok("index", folder);
    return { open: folder };
  },
  scenarios: [
    [
      "activation",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed", 90_000);
        const times: number[] = [];
        for (let run = 0; run < 5; run++) {
          await bench.run("Developer: Show Running Extensions");
          const list = bench.page.locator(".runtime-extensions-editor .monaco-list").first();
          const row = list.locator(".monaco-list-row", { hasText: "Conexus" });
          await list.hover();
          await bench.until(
            async () => {
              await bench.page.mouse.wheel(0, 200); // the slowest come first, and only rows in sight are in the page
              return row.first().isVisible();
            },
            "Conexus is in the list",
          );
          const text = await row.first().innerText();
          times.push(Number(/Activation: (\d+)ms/.exec(text)?.[1] ?? Number.NaN));
          await bench.page.reload();
          await bench.settled("Conexus: indexed", 90_000);
        }
        console.log(`  activation: median ${median(times)} ms of ${times.join(", ")} (at most ${MOST_ACTIVATION_MS})`);
        assert.ok(median(times) <= MOST_ACTIVATION_MS);
      },
    ],
    [
      "from a key to the first result, on a warm daemon",
      async ({ bench }) => {
        const times: number[] = [];
        await bench.quickSearch();
        for (const [question, file] of [...QUESTIONS, ...QUESTIONS]) {
          // Each question is answered by another file than the one before: what is waited for was not there yet.
          times.push(
            await bench.page.evaluate(
              async ([asked, wanted]) => {
                const list = document.querySelector(".quick-input-list");
                const input = document.querySelector<HTMLInputElement>(".quick-input-box input");
                const first = (): string => list?.querySelector('.monaco-list-row[data-index="0"]')?.textContent ?? "";
                if (!list || !input || first().includes(wanted ?? "")) {
                  throw new Error(`no list, or ${wanted} is first already`);
                }
                return new Promise<number>((resolve, reject) => {
                  const seen = new MutationObserver(() => {
                    if (first().includes(wanted ?? "")) {
                      seen.disconnect();
                      resolve(performance.now() - begun);
                    }
                  });
                  seen.observe(list, { childList: true, subtree: true, characterData: true });
                  setTimeout(() => reject(new Error(`${wanted} did not come first`)), 5_000);
                  input.value = asked ?? "";
                  const begun = performance.now();
                  input.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
                });
              },
              [question, file],
            ),
          );
          await bench.page.waitForTimeout(300);
        }
        await bench.page.keyboard.press("Escape");
        const warm = times.slice(QUESTIONS.length);
        const shown = warm.map((one) => Math.round(one));
        console.log(`  key to first result: median ${Math.round(median(warm))} ms of ${shown.join(", ")} (at most ${MOST_FIRST_RESULT_MS})`);
        assert.ok(median(warm) <= MOST_FIRST_RESULT_MS);
      },
    ],
  ],
};
