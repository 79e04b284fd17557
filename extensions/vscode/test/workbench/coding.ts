// SPDX-License-Identifier: FSL-1.1-MIT
/** From code to code: look-alikes, packed context, definitions, callers. */

import assert from "node:assert/strict";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const CODING: Group = {
  name: "coding",
  prepare: (machine) => {
    const folder = machine.repository("shop", { ...SHOP, ".conexusignore": "hidden.py\n", "hidden.py": "def hash_password(password):\n    return password\n" });
    machine.ok("index", folder);
    return { open: folder, settings: { "conexus.context.maxTokens": 600, "conexus.search.limit": 3 } };
  },
  scenarios: [
    [
      "code like what is selected",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed");
        await bench.openFile("retry.py");
        await bench.goTo(4);
        await bench.page.keyboard.press("Shift+End");
        await bench.run("Conexus: Find Similar Code");
        const view = await bench.view();
        await view.locator(".file .name", { hasText: "basket.ts" }).waitFor(); // it tries again too
        assert.ok(!(await view.locator(".file .name").allInnerTexts()).includes("retry.py"));
        await view.locator("#about", { hasText: "Code like shop/retry.py:4" }).waitFor();
      },
    ],
    [
      "look-alikes stand under what they are like; more of them, and context, are of the same code",
      async ({ bench }) => {
        const view = await bench.search("how are passwords hashed");
        await bench.openFile("billing.py");
        await bench.goTo(16);
        await bench.page.keyboard.press("Shift+End");
        await bench.run("Conexus: Find Similar Code");
        await view.locator("#about", { hasText: "Code like shop/billing.py:16" }).waitFor();
        assert.equal(await view.inputValue("#query"), "");
        assert.equal(await view.locator("mark").count(), 0);
        const before = await view.locator(".result").count();
        assert.equal(before, 3);
        await view.click("#more");
        await view.waitForFunction(() => document.querySelectorAll(".result").length > 3);
        await view.locator("#about", { hasText: "Code like shop/billing.py:16" }).waitFor();
        await view.click("#copy");
        await bench.page.locator(".statusbar-item", { hasText: /Copied: \d+ piece/ }).waitFor();
        assert.ok((await bench.clipboard()).includes("def total_with_tax"));
      },
    ],
    [
      "code like that of a file that is left out of the index",
      async ({ bench }) => {
        await bench.openFile("hidden.py");
        await bench.goTo(1);
        await bench.page.keyboard.press("Control+a");
        await bench.run("Conexus: Find Similar Code");
        const view = await bench.view();
        await view.locator("#about", { hasText: "Code like hidden.py:1" }).waitFor();
        await view.locator(".file .name", { hasText: "passwords.py" }).waitFor();
      },
    ],
    [
      "context for a question is copied, within its budget",
      async ({ bench }) => {
        const told = bench.page.locator(".statusbar-item", { hasText: /Copied: \d+ pieces? of code, \d+ tokens/ });
        await told.waitFor({ state: "detached" }); // that of the scenario before
        await bench.run("Conexus: Copy Context for AI…");
        await bench.answer("Context for AI", "how are passwords hashed");
        await told.waitFor();
        const tokens = Number(/(\d+) tokens/.exec(await told.innerText())?.[1]);
        const text = await bench.clipboard();
        assert.ok(text.includes("def hash_password"), text);
        assert.ok(tokens > 0 && tokens <= 600, String(tokens));
      },
    ],
    [
      "context is inserted where the cursor is",
      async ({ bench }) => {
        await bench.run("File: New Untitled Text File");
        await bench.page.locator(".tab.active", { hasText: "Untitled-1" }).waitFor();
        await bench.run("Conexus: Insert Context…");
        await bench.answer("Context for AI", "retry with exponential delays");
        await bench.page.locator(".editor-group-container.active .view-lines", { hasText: "with_backoff" }).waitFor();
        await bench.run("View: Revert and Close Editor");
      },
    ],
    [
      "candidates for the definition of a name: by name, then by meaning",
      async ({ bench }) => {
        await bench.openFile("checkout.py");
        await bench.goTo(12, 30);
        await bench.run("Conexus: Go to Definition Candidates by Meaning");
        await bench.rows("by name").or(bench.rows("total_with_tax")).first().waitFor();
        await bench.rows("billing.py:16").first().waitFor();
        await bench.page.keyboard.press("Enter");
        await bench.activeFile("billing.py");
        await bench.line(16);
      },
    ],
    [
      "no callers are shown unless they are asked for",
      async ({ bench }) => {
        await bench.openFile("basket.ts");
        await bench.page.waitForTimeout(1_500);
        assert.equal(await bench.page.locator(".codelens-decoration", { hasText: /caller/ }).count(), 0);
        await bench.openFile("billing.py");
        await bench.run("Conexus: Show or Hide the Number of Callers");
        const lens = bench.page.locator(".codelens-decoration", { hasText: /\d+ callers?/ });
        await lens.first().waitFor({ timeout: 60_000 });
        await bench.run("Conexus: Show or Hide the Number of Callers");
        await lens.first().waitFor({ state: "detached" });
      },
    ],
  ],
};
