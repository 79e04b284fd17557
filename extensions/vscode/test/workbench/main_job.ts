// SPDX-License-Identifier: FSL-1.1-MIT
/** From a folder that is opened to the right line of the right file. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

export const MAIN: Group = {
  name: "main",
  prepare: (machine) => ({ open: machine.repository("shop", SHOP) }),
  scenarios: [
    [
      "a daemon is started where none runs",
      async ({ bench, machine }) => {
        await bench.settled("not indexed", 90_000);
        assert.match(machine.daemon().http, /^http:\/\/127\.0\.0\.1:\d+$/);
        assert.deepEqual(bench.failures, []);
      },
    ],
    [
      "the folder is indexed by the button of the view",
      async ({ bench }) => {
        const view = await bench.openView();
        await view.click("#notice button");
        await bench.settled("Conexus: indexed", 90_000);
        await view.waitForSelector("#notice", { state: "hidden" });
      },
    ],
    [
      "a question is answered by file, with symbols, scores and marks",
      async ({ bench, picture }) => {
        const view = await bench.search("add value added tax to a bill");
        const first = view.locator(".file").first();
        assert.equal(await first.locator(".name").innerText(), "billing.py");
        assert.ok((await view.locator(".symbol").allInnerTexts()).includes("Checkout"));
        assert.match(await view.locator(".result .score").first().innerText(), /^-?\d+\.\d\d$/);
        assert.ok((await view.locator("mark").count()) > 0);
        assert.equal(await view.locator(".freshness.stale").count(), 0);
        await picture("search-view");
      },
    ],
    [
      "arrow keys and Enter open the right file at the right line",
      async ({ bench }) => {
        const view = await bench.search("call again with exponential delays");
        await view.press("#query", "ArrowDown"); // the file
        await bench.page.keyboard.press("ArrowDown"); // its result
        assert.equal(await view.evaluate(() => document.activeElement?.querySelector(".symbol")?.textContent), "with_backoff");
        await bench.page.keyboard.press("Enter");
        await bench.activeFile("retry.py");
        await bench.line(4);
      },
    ],
    [
      "an edit that is saved is found",
      async ({ bench, folder }) => {
        const text = "\n\ndef refund_customer(order):\n    \"\"\"Give the money of an order back to the customer's card.\"\"\"\n    return -order.total\n";
        fs.appendFileSync(path.join(folder, "shop", "billing.py"), text);
        const view = await bench.openView();
        for (let tries = 0; tries < 40; tries++) {
          await bench.search("give the money back to the card of the customer");
          if ((await view.locator(".snippet").allInnerTexts()).some((one) => one.includes("refund_customer"))) {
            return;
          }
          await bench.page.waitForTimeout(500);
        }
        assert.fail("the edit was not found within 20 s");
      },
    ],
  ],
};
