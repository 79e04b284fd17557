// SPDX-License-Identifier: FSL-1.1-MIT
/** The walkthrough of the first use. */

import assert from "node:assert/strict";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const WALKTHROUGH: Group = {
  name: "walkthrough",
  prepare: (machine) => ({ open: machine.repository("shop", SHOP) }),
  scenarios: [
    [
      "the first steps open by their command, and checked off as they are done",
      async ({ bench, picture }) => {
        await bench.settled("not indexed", 90_000);
        const page = bench.page.locator(".gettingStartedContainer .gettingStartedSlideDetails");
        const title = page.locator(".category-title", { hasText: "Search code by meaning" });
        await bench.run("Conexus: First Steps");
        await title.waitFor();
        const step = (name: string) => page.getByRole("checkbox", { name: new RegExp(name) });
        const isDone = async (name: string): Promise<boolean> => (await step(name).getAttribute("aria-checked")) === "true";
        await bench.until(() => isDone("Have Conexus on this machine"), "the step is done");
        assert.equal(await isDone("Index this workspace"), false);
        await picture("walkthrough");
        await page.locator(".getting-started-step", { hasText: "Index this workspace" }).click();
        await page.locator(".monaco-button", { hasText: "Index This Workspace" }).click();
        await bench.settled("Conexus: indexed", 90_000);
        await bench.until(() => isDone("Index this workspace"), "the step is done");
        assert.equal(await isDone("Ask a question"), false);
        await page.locator(".getting-started-step", { hasText: "Ask a question" }).click();
        await page.locator(".monaco-button", { hasText: "Search Code" }).click();
        await bench.page.locator(".quick-input-widget .quick-input-title", { hasText: "Conexus: Search Code" }).waitFor();
        await bench.page.keyboard.press("Escape");
        await bench.until(() => isDone("Ask a question"), "the step is done");
      },
    ],
  ],
};
