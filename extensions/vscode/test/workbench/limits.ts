// SPDX-License-Identifier: FSL-1.1-MIT
/** The sixth repository of the community edition. */

import assert from "node:assert/strict";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const LIMITS: Group = {
  name: "limits",
  prepare: (machine) => {
    for (let at = 1; at <= 5; at++) {
      machine.ok("index", machine.repository(`part${at}`, { "one.py": `def part_${at}():\n    return ${at}\n` }));
    }
    return { open: machine.repository("shop", SHOP) };
  },
  scenarios: [
    [
      "the limit is explained where it is met",
      async ({ bench, machine, picture }) => {
        await bench.settled("not indexed", 90_000);
        await bench.run("Conexus: Index This Workspace");
        const text = "All places for repositories are taken: 5 of 5";
        const toast = bench.notification(text);
        await toast.waitFor();
        await bench.page.mouse.move(640, 300);
        await bench.page.locator(".notification-toast", { hasText: text }).waitFor({ state: "detached", timeout: 40_000 }); // it hides itself
        await bench.run("Conexus: Index This Workspace");
        await toast.waitFor();
        await bench.page.waitForTimeout(600); // it slides in
        await picture("limit");
        assert.equal(await toast.locator(".monaco-button", { hasText: "What Editions Have" }).count(), 1);
        await bench.press(toast, "Remove a Repository…");
        await bench.rows("part3").first().click();
        await bench.dialog().locator(".monaco-button", { hasText: "Remove" }).click();
        await bench.dialog().waitFor({ state: "detached" });
        await bench.until(() => !machine.ok("repos", "list").includes("part3"), "its place is free");
      },
    ],
    [
      "the place that was freed is taken",
      async ({ bench }) => {
        await bench.run("Conexus: Index This Workspace");
        await bench.settled("Conexus: indexed");
      },
    ],
    [
      "what the edition has is shown, and what it has not",
      async ({ bench }) => {
        await bench.run("Conexus: Show the Edition and Its Limits");
        await bench.rows("5 of 5 used").waitFor();
        await bench.rows("What other editions have").waitFor();
        await bench.page.keyboard.press("Escape");
      },
    ],
  ],
};
