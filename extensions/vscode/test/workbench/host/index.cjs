// SPDX-License-Identifier: FSL-1.1-MIT
// Runs within the extension host, beside the installed extension.
const assert = require("node:assert/strict");
const vscode = require("vscode");

const text = (result) => result.content.map((part) => part.value).join("\n");
const invoke = (name, input) => vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined }).then(text);

const TESTS = {
  "the extension is active": async () => {
    const extension = vscode.extensions.getExtension("conexus.conexus");
    assert.ok(extension);
    await extension.activate();
  },
  "three tools are listed": async () => {
    const names = vscode.lm.tools.map((tool) => tool.name).filter((name) => name.startsWith("conexus_"));
    assert.deepEqual(names.sort(), ["conexus_context", "conexus_search", "conexus_symbols"]);
  },
  "search answers with places and code": async () => {
    assert.match(await invoke("conexus_search", { query: "call again with exponential delays", limit: 3 }), /shop\/retry\.py:4 \(function with_backoff/);
  },
  "context keeps to its budget": async () => {
    const found = await invoke("conexus_context", { query: "how are passwords hashed", max_tokens: 300 });
    assert.match(found, /def hash_password/);
    assert.ok(found.length < 300 * 6);
  },
  "symbols tell definitions and uses": async () => {
    const found = await invoke("conexus_symbols", { name: "total_with_tax", uses: true });
    assert.match(found, /shop\/billing\.py:16 defines function total_with_tax/);
    assert.match(found, /shop\/checkout\.py:\d+ uses it in Checkout\.invoice/);
  },
  "wrong input is refused in words": async () => {
    assert.match(await invoke("conexus_search", {}), /Error: query is missing/);
    assert.match(await invoke("conexus_search", { query: "x", limits: 3 }), /Error: there is no field 'limits'/);
    assert.match(await invoke("conexus_search", { query: "x", limit: 1000 }), /Error: limit has to be a whole number/);
    assert.match(await invoke("conexus_symbols", { name: 7 }), /Error: name has to be a text/);
  },
};

exports.run = async () => {
  let failed = 0;
  for (const [name, act] of Object.entries(TESTS)) {
    try {
      await act();
      console.log(`✔ ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`✖ ${name}: ${error.message}`);
    }
  }
  if (failed) {
    throw new Error(`${failed} failing`);
  }
};
