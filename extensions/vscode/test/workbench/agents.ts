// SPDX-License-Identifier: FSL-1.1-MIT
/** What models in the editor are offered: an MCP server or tools, never both. */

import assert from "node:assert/strict";
import path from "node:path";

import { SHOP } from "./machine";
import type { Group } from "./scenario";

const CHAT = { "chat.disableAIFeatures": false };

export const MCP: Group = {
  name: "mcp",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    return { open: folder, settings: CHAT };
  },
  scenarios: [
    [
      "the MCP server is listed, starts, and its tools are there",
      async ({ bench, picture }) => {
        await bench.settled("Conexus: indexed");
        await bench.run("MCP: List Servers");
        await bench.rows("Conexus").first().click();
        await bench.rows("Start Server").first().click();
        for (let tries = 0; tries < 60; tries++) {
          const trust = bench.dialog().locator(".monaco-button", { hasText: /trust|allow/i }).first();
          if (await trust.isVisible()) {
            await trust.click();
          }
          await bench.page.waitForTimeout(250);
        }
        await bench.run("MCP: List Servers");
        await bench.rows(/Conexus.*Running/s).first().click();
        await bench.rows("Show Output").first().click();
        await bench.page.locator(".part.panel .view-lines", { hasText: "Discovered 11 tools" }).waitFor();
        await picture("mcp");
      },
    ],
  ],
};

export const TOOLS: Group = {
  name: "tools",
  prepare: (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    const host = path.resolve("test/workbench/host");
    return {
      open: folder,
      settings: { ...CHAT, "conexus.ai.provider": "tools" },
      payload: (remote) => [
        ["extensionDevelopmentPath", remote(host)],
        ["extensionTestsPath", remote(path.join(host, "index.cjs"))],
        ["enableProposedApi", ""],
        ["skipWelcome", "true"],
      ],
    };
  },
  scenarios: [
    [
      "the tools answer, refuse wrong input, and no MCP server is offered beside them",
      async ({ bench }) => {
        const { code, lines } = await bench.hostTests();
        lines.filter((line) => /^[✔✖]/.test(line)).forEach((line) => console.log(`  ${line}`));
        assert.equal(code, 0, lines.join("\n").slice(-1500));
      },
    ],
  ],
};
