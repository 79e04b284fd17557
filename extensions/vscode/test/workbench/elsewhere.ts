// SPDX-License-Identifier: FSL-1.1-MIT
/** A daemon by its address: its token, and a version that is not understood. */

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { type Machine, SHOP } from "./machine";
import { type Group, textsBelow } from "./scenario";

/** Stands before a real daemon, and changes what it says of its version. */
const between = { version: "", tokens: new Set<string>() };

async function startBetween(machine: Machine): Promise<string> {
  machine.ok("daemon", "start");
  const target = machine.daemon().http;
  between.version = "";
  between.tokens.clear();
  const server = http.createServer((request, response) => {
    const { authorization, accept } = request.headers;
    between.tokens.add(authorization ?? "");
    const headers = { host: new URL(target).host, ...(authorization ? { authorization } : {}), accept: accept ?? "*/*", "content-type": "application/json" };
    const forwarded = http.request(`${target}${request.url ?? ""}`, { method: request.method ?? "GET", headers }, (answer) => {
      if (request.url !== "/v1/status" || between.version === "") {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
        return;
      }
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => {
        const status = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
        const changed = between.version.startsWith("v") ? { api: between.version } : { version: between.version };
        response.writeHead(answer.statusCode ?? 500, { "content-type": "application/json" });
        response.end(JSON.stringify({ ...status, ...changed }));
      });
    });
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

export const ELSEWHERE: Group = {
  name: "elsewhere",
  prepare: async (machine) => {
    const folder = machine.repository("shop", SHOP);
    machine.ok("index", folder);
    return { open: folder, machine: { "conexus.daemon.url": await startBetween(machine) } };
  },
  scenarios: [
    [
      "a daemon that asks for a token is not used without one",
      async ({ bench }) => {
        await bench.settled("error");
        assert.deepEqual([...between.tokens], [""]);
      },
    ],
    [
      "the token is kept by the secret storage, and nowhere in the clear",
      async ({ bench, machine }) => {
        const token = machine.token();
        await bench.run("Conexus: Set the Token of the Daemon's Address…");
        await bench.page.locator('.quick-input-widget input[type="password"]').fill(token);
        await bench.page.keyboard.press("Enter");
        await bench.settled("Conexus: indexed");
        assert.ok(between.tokens.has(`Bearer ${token}`));
        const view = await bench.search("hash a password");
        await view.locator(".file .name", { hasText: "passwords.py" }).waitFor();
        for (const [file, text] of textsBelow(path.join(machine.root, "data"))) {
          assert.ok(!text.includes(token), file);
        }
      },
    ],
    [
      "a daemon of another version is refused, with what to do",
      async ({ bench, picture }) => {
        between.version = "0.0.9";
        await bench.run("Conexus: Refresh");
        await bench.settled("error");
        const view = await bench.openView();
        const notice = view.locator("#notice");
        await notice.getByText("The daemon is version 0.0.9; this extension needs 0.1.0 or later").waitFor();
        await notice.getByText("Update Conexus, then restart the daemon.").waitFor();
        await picture("wrong-version");
        between.version = "v2";
        await notice.getByText("Update this extension.").waitFor();
      },
    ],
    [
      "when the right version is there it is used without a reload",
      async ({ bench, machine }) => {
        between.version = "";
        await bench.settled("Conexus: indexed");
        await bench.run("Conexus: Forget the Token");
        await bench.settled("error");
        assert.ok(fs.existsSync(machine.dataFolder));
      },
    ],
  ],
};
