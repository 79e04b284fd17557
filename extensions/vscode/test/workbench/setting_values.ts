// SPDX-License-Identifier: FSL-1.1-MIT
/** Settings that are wrong, and those that the search view follows. */

import assert from "node:assert/strict";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const WRONG: Group = {
  name: "wrong-settings",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    return {
      open: folder,
      settings: { "conexus.search.limit": "abc", "conexus.search.scope": null, "conexus.context.maxTokens": 300.5, "conexus.search.historySize": "x" },
      machine: { "conexus.dataFolder": "relative/x" },
    };
  },
  scenarios: [
    [
      "a wrong setting is told once by its name, and its default is used",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed");
        const view = await bench.search("hash a password");
        await view.locator(".file .name", { hasText: "passwords.py" }).waitFor();
        await bench.run("Notifications: Show Notifications");
        for (const text of ['conexus.search.limit is "abc", but has to be a whole number from 1 to 100. 20 is used.', "conexus.dataFolder is", "conexus.search.historySize is"]) {
          await bench.notification(text).waitFor();
        }
        await bench.search("retry");
        await bench.search("basket");
        assert.equal(await bench.page.locator(".notification-list-item", { hasText: "conexus.search.limit" }).count(), 1);
        await bench.run("Notifications: Clear All Notifications");
        await bench.run("Conexus: Copy Context for AI…");
        await bench.answer("Context for AI", "how are passwords hashed");
        await bench.page.locator(".statusbar-item", { hasText: /Copied: \d+ piece/ }).waitFor();
      },
    ],
  ],
};

export const FOLLOWED: Group = {
  name: "followed-settings",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    machine.ok("index", machine.repository("library", { "loans.py": 'def fine_of_a_late_loan(days):\n    """What a reader pays for a book that is late."""\n    return days * 0.5\n' }));
    return { open: folder, settings: { "conexus.search.scope": "all", "conexus.search.tests": false }, machine: { "conexus.path": "/nowhere/conexus" } };
  },
  scenarios: [
    [
      "the search view begins with what the settings say, until something is chosen in it",
      async ({ bench, machine }) => {
        await bench.settled("not installed");
        const view = await bench.openView();
        await view.locator("#notice", { hasText: "The setting conexus.path names /nowhere/conexus" }).waitFor();
        machine.ok("daemon", "start");
        await bench.settled("Conexus: indexed");
        assert.equal(await view.inputValue("#where"), "all");
        await bench.search("what a reader pays for a late book");
        await view.locator(".file .name", { hasText: "loans.py" }).waitFor();
        await bench.search("value added tax is added to the sum of a bill");
        assert.ok(!(await view.locator(".file .name").allInnerTexts()).includes("test_billing.py"));
        await view.evaluate(() => document.querySelector("#filters")?.setAttribute("open", ""));
        await view.selectOption("#where", "workspace");
        await view.locator(".file .name", { hasText: "loans.py" }).waitFor({ state: "detached" });
        await bench.run("Conexus: Refresh");
        await bench.page.waitForTimeout(1_000);
        assert.equal(await view.inputValue("#where"), "workspace");
      },
    ],
  ],
};
