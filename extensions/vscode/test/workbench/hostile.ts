// SPDX-License-Identifier: FSL-1.1-MIT
/** Two hundred names and snippets that would like to be run. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import type { Frame } from "playwright-core";

import type { Group } from "./scenario";

const CALL = "cxHit()";
const ATTEMPTS = [
  `<img src=x onerror=${CALL}>`,
  `<svg onload=${CALL}>`,
  `<script>${CALL}<#script>`,
  `"><script>${CALL}<#script>`,
  `'><img src=x onerror=${CALL}>`,
  `<iframe srcdoc="<script>parent.${CALL}<#script>">`,
  `<a href="javascript:${CALL}">click<#a>`,
  `<body onload=${CALL}>`,
  `<input autofocus onfocus=${CALL}>`,
  `<details open ontoggle=${CALL}>`,
  `[click](command:conexus.stopDaemon)`,
  `[click](javascript:${CALL})`,
  `$(alert) $(sync~spin)`,
  `\${${CALL}}`,
  `{{constructor.constructor('${CALL}')()}}`,
  `\u202e${CALL}\u202c`,
  `\u200bzero\u200bwidth`,
  `\u001b[31mred\u001b]0;title\u0007`,
  `<style>*{display:none}<#style>`,
  `&lt;img src=x onerror=${CALL}&gt;`,
];
const WRAPPERS: ((attempt: string, at: number) => [name: string, text: string])[] = [
  (attempt, at) => [`names/${at} ${attempt}.py`, `def named_${at}():\n    """payload by its name"""\n    return ${at}\n`],
  (attempt, at) => [`folders/${at} ${attempt}/inside.py`, `def within_${at}():\n    """payload by its folder"""\n    return ${at}\n`],
  (attempt, at) => [`docs/heading_${at}.md`, `# payload ${attempt.replace(/#/g, "/")}\n\nA payload in a heading.\n`],
  (attempt, at) => [`texts/text_${at}.py`, `def text_${at}():\n    """payload ${clean(attempt)}"""\n    return '''${clean(attempt)}'''\n`],
  (attempt, at) => [`comments/comment_${at}.js`, `// payload ${clean(attempt)}\nfunction comment_${at}() { return 1; }\n`],
  (attempt, at) => [`html/page_${at}.html`, `<p>payload</p>\n${clean(attempt)}\n`],
  (attempt, at) => [`css/style_${at}.css`, `/* payload ${clean(attempt)} */\n.p${at} { color: red; }\n`],
  (attempt, at) => [`json/data_${at}.json`, `${JSON.stringify({ payload: clean(attempt), key: at })}\n`],
  (attempt, at) => [`ts/type_${at}.ts`, `/** payload ${clean(attempt).replace(/\*\//g, "")} */\nexport interface Payload${at} { value: "x" }\n`],
  (attempt, at) => [`toml/conf_${at}.toml`, `[payload_${at}]\nvalue = '''${clean(attempt)}'''\n`],
];
const LEAST_SEEN = 190; // files that are nothing but markup may be merged or left out by the scanner

/** A slash cannot stand in a name; elsewhere it can. */
function clean(attempt: string): string {
  return attempt.replace(/#/g, "/");
}

let hits = 0;

async function ours(view: Frame): Promise<number> {
  return view.locator("#results script, #results img, #results svg, #results iframe, #results a, #results style, #results input").count();
}

export const HOSTILE: Group = {
  name: "hostile",
  prepare: (machine) => {
    const folder = path.join(machine.root, "src", `<img src=x onerror=${CALL}> $(alert)`);
    const files = ATTEMPTS.flatMap((attempt, row) => WRAPPERS.map((wrap, at) => wrap(attempt.replace(/\n/g, ""), row * 10 + at)));
    assert.equal(files.length, 200);
    machine.write(folder, Object.fromEntries(files));
    machine.ok("index", folder);
    return { open: folder, settings: { "conexus.search.limit": 100, "conexus.search.snippetLines": 8 } };
  },
  scenarios: [
    [
      "a hit would be noticed",
      async ({ bench }) => {
        await bench.settled("Conexus: indexed");
        await bench.page.exposeBinding("cxHit", () => {
          hits += 1;
        });
        const view = await bench.openView();
        await view.evaluate(() => (globalThis as unknown as { cxHit: () => Promise<void> }).cxHit());
        assert.equal(hits, 1);
        hits = 0;
      },
    ],
    [
      "the view shows all of them as text, and runs none",
      async ({ bench, picture }) => {
        const view = await bench.search("payload");
        await view.click("#more");
        await view.waitForFunction((least) => document.querySelectorAll(".result").length >= least, LEAST_SEEN);
        const text = await view.locator("#results").innerText();
        for (const part of ["onerror=cxHit()", "<script>", "$(alert)", "<U+202E>", "<U+200B>", "<U+001B>", "javascript:cxHit()"]) {
          assert.ok(text.includes(part), part);
        }
        assert.equal(await ours(view), 0);
        assert.equal(await view.evaluate(() => getComputedStyle(document.body).display), "block");
        await picture("hostile");
        assert.equal(hits, 0);
      },
    ],
    [
      "what runs is the page's own script alone",
      async ({ bench }) => {
        const view = await bench.view();
        const policy = await view.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
        assert.match(policy ?? "", /^default-src 'none'; style-src [^;]+; script-src 'nonce-[A-Za-z0-9+/=]{24}';$/);
        await view.evaluate(() => {
          const script = document.createElement("script");
          script.textContent = "cxHit()";
          document.body.append(script);
          const image = document.createElement("img");
          image.setAttribute("onerror", "cxHit()");
          image.src = "x";
          document.body.append(image);
        });
        await bench.page.waitForTimeout(500);
        assert.equal(hits, 0, "the policy lets no inline script run");
      },
    ],
    [
      "the quick search, the repositories view and their icons too",
      async ({ bench }) => {
        await bench.quickSearch();
        await bench.picker().fill("payload alert sync spin");
        await bench.rows("payload").first().waitFor();
        await bench.rows("$(alert)").first().waitFor();
        assert.equal(await bench.rows().locator(".codicon-alert, .codicon-sync").count(), 0);
        assert.equal(await bench.rows().locator("img, script, iframe, a[href]").count(), 0);
        await bench.page.keyboard.press("Escape");
        const row = bench.page.locator(".pane-body .monaco-list-row", { hasText: "onerror" });
        await row.waitFor();
        assert.equal(await row.locator("img").count(), 0);
        await row.hover();
        await bench.page.waitForTimeout(800);
        await bench.page.keyboard.press("Escape");
        assert.equal(hits, 0);
      },
    ],
    [
      "a file whose name is hostile is opened as the file it is",
      async ({ bench, folder }) => {
        const view = await bench.search("named_100");
        const file = view.locator(".whole", { hasText: "[click](command:conexus.stopDaemon).py" });
        await file.locator(".result").first().click();
        await bench.page.locator(".tab.active", { hasText: "stopDaemon" }).waitFor();
        await bench.line(1);
        assert.ok(fs.existsSync(folder));
        await bench.settled("Conexus: indexed");
        assert.equal(hits, 0);
      },
    ],
    [
      "notifications make no links of names",
      async ({ bench, machine, folder }) => {
        fs.renameSync(folder, `${folder}.gone`);
        machine.write(path.join(machine.root, "src"), { "keep.txt": "x" });
        await bench.run("Conexus: Index This Workspace");
        const toast = bench.page.locator(".notification-toast").first();
        await toast.waitFor();
        assert.equal(await toast.locator(".notification-list-item-message a, .notification-list-item-message img").count(), 0);
        assert.equal(hits, 0);
        fs.renameSync(`${folder}.gone`, folder);
      },
    ],
  ],
};
