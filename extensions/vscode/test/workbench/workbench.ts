// SPDX-License-Identifier: FSL-1.1-MIT
/** A real VS Code workbench: the server out of code-server's npm package, with Chromium before it. */

import { execFileSync, type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { type Browser, type BrowserContext, chromium, type Frame, type Locator, type Page } from "playwright-core";

import { type Machine } from "./machine";

/** Where the parts lie; the make target says. */
export interface Tools {
  codeServer: string;
  node: string;
  conexus: string;
  vsix: string;
  chromium: string;
}

/** What a workbench is opened with. */
export interface Options {
  /** A folder, or a `.code-workspace` file. */
  open: string;
  settings?: Record<string, unknown>;
  machine?: Record<string, unknown>;
  /** Whether workspace trust is asked for; else every folder is trusted. */
  restricted?: boolean;
  /** Whether `conexus` is on PATH. */
  onPath?: boolean;
  payload?: (remote: (path: string) => string) => [string, string][];
}

const CHROME = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"].concat(
  ["--disable-component-update", "--disable-sync", "--force-color-profile=srgb"],
);
const ID = "conexus.conexus";
const START_MS = 60_000;

/** Short, as VS Code puts sockets below it and their paths end at 107 characters. */
export function scratch(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "cx-"));
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** One workbench in one page. */
export class Workbench {
  readonly failures: string[] = [];
  readonly outside: string[] = [];
  readonly dialogs: string[] = [];
  log = "";
  private readonly hostLines: string[] = [];
  private hostCode = -1;
  private hostOver: Promise<void> = Promise.resolve();

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly url: string,
    readonly port: number,
    readonly data: string,
    private readonly browser: Browser,
    private readonly server: ChildProcess,
  ) {}

  static async start(tools: Tools, machine: Machine, options: Options): Promise<Workbench> {
    const data = path.join(machine.root, "data");
    const extensions = path.join(machine.root, "ext");
    writeSettings(data, options);
    fs.mkdirSync(extensions, { recursive: true });
    const onPath = options.onPath === false ? [] : [path.dirname(tools.conexus)];
    const env = {
      ...machine.env,
      PATH: [path.dirname(tools.node), ...onPath, "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
      SHELL: "/bin/sh",
    };
    // The server asks a login shell for the variables of its extensions.
    fs.writeFileSync(path.join(machine.root, ".profile"), `export PATH='${env.PATH}'\n`);
    const main = path.join(tools.codeServer, "lib/vscode/out/server-main.js");
    const common = ["--server-data-dir", path.join(machine.root, "srv"), "--user-data-dir", data, "--extensions-dir", extensions];
    if (!fs.existsSync(path.join(extensions, "extensions.json"))) {
      const install = [main, ...common, "--accept-server-license-terms", "--install-extension", tools.vsix];
      execFileSync(tools.node, install, { env, stdio: "pipe" });
    }
    const port = await freePort();
    const listen = ["--host", "127.0.0.1", "--port", String(port), "--without-connection-token", "--telemetry-level", "off", "--log", "info"];
    const trust = options.restricted ? [] : ["--disable-workspace-trust"];
    // With the driver no notification is shown; without it newer builds pass over the tests in the host, in silence.
    const driver = options.payload ? ["--enable-smoke-test-driver"] : [];
    const modes = ["--accept-server-license-terms", ...driver, ...trust];
    const server = spawn(tools.node, [main, ...common, ...listen, ...modes], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const browser = await chromium.launch({ executablePath: tools.chromium, args: CHROME, env: { ...env } });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-US" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: `http://127.0.0.1:${port}` });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const remote = (file: string): string => `vscode-remote://127.0.0.1:${port}${file}`;
    const payload = options.payload ? `&payload=${encodeURIComponent(JSON.stringify(options.payload(remote)))}` : "";
    const kind = options.open.endsWith(".code-workspace") ? "workspace" : "folder";
    const url = `http://127.0.0.1:${port}/?${kind}=${encodeURIComponent(options.open)}${payload}`;
    const made = new Workbench(page, context, url, port, data, browser, server);
    made.listen();
    if (options.payload) {
      await made.listenToHost();
    }
    await made.answers();
    return made;
  }

  private listen(): void {
    const keep = (text: Buffer): void => {
      this.log += text.toString();
    };
    this.server.stdout?.on("data", keep);
    this.server.stderr?.on("data", keep);
    this.context.on("request", (request) => {
      const { protocol, hostname, pathname } = new URL(request.url());
      // Parts of webviews have such names; the page's own service worker answers them.
      const isWebview = hostname.endsWith(".vscode-resource.vscode-cdn.net");
      // The editor asks its own gallery of extensions; newer ones do so at every start.
      const isEditors = hostname === "open-vsx.org" && pathname.startsWith("/vscode/gallery/");
      const isOwn = hostname === "127.0.0.1" || isWebview || isEditors;
      if (/^(?:https?|wss?):$/.test(protocol) && !isOwn) {
        this.outside.push(request.url());
      }
    });
    this.page.on("console", (message) => {
      if (message.text().includes(`Activating extension '${ID}' failed`) || /conexus.*(?:TypeError|is not a function)/i.test(message.text())) {
        this.failures.push(message.text());
      }
    });
    this.page.on("dialog", (dialog) => {
      this.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
  }

  private async listenToHost(): Promise<void> {
    await this.page.exposeFunction("codeAutomationLog", (_: string, parts: unknown[]) => {
      this.hostLines.push(parts.map(String).join(" "));
    });
    this.hostOver = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the tests in the host did not end")), 90_000);
      void this.page.exposeFunction("codeAutomationExit", (code: number) => {
        clearTimeout(late);
        this.hostCode = code;
        resolve();
      });
    });
    this.hostOver.catch(() => undefined);
  }

  private async answers(): Promise<void> {
    const until = Date.now() + START_MS;
    while (Date.now() < until && this.server.exitCode === null) {
      try {
        if ((await fetch(`http://127.0.0.1:${this.port}/version`)).ok) {
          return;
        }
      } catch {
        // not yet
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the server of VS Code does not answer: ${this.log.slice(-800)}`);
  }

  /** Opens the page, and waits until our status item is there. */
  async open(): Promise<void> {
    await this.page.goto(this.url);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor({ timeout: START_MS });
    await this.status().waitFor({ timeout: START_MS });
    // On a loaded machine the editor now and then reads a workspace file before it can, and takes it for empty.
    for (let tries = 0; tries < 3 && (await this.page.getByText("You have not yet added a folder to the workspace").isVisible()); tries++) {
      await this.page.reload();
      await this.status().waitFor({ timeout: START_MS });
      await this.page.waitForTimeout(1_000);
    }
  }

  /** Runs the tests of the payload within the extension host; returns its exit code and what it printed. */
  async hostTests(): Promise<{ code: number; lines: string[] }> {
    await this.hostOver;
    return { code: this.hostCode, lines: this.hostLines };
  }

  async close(): Promise<void> {
    await this.browser.close();
    const { server } = this;
    const ended = new Promise<void>((resolve) => {
      if (server.exitCode !== null || server.signalCode !== null) {
        resolve();
      } else {
        server.once("exit", () => resolve());
        setTimeout(() => {
          this.kill("SIGKILL");
          resolve();
        }, 5_000).unref();
      }
    });
    this.kill("SIGTERM");
    await ended;
    this.kill("SIGKILL");
  }

  private kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.server.pid ?? 0), signal);
    } catch {
      // gone
    }
  }

  // ------------------------------------------------------------------------------------- parts of the window

  status(text?: string | RegExp): Locator {
    const item = this.page.locator('.statusbar-item[id*="conexus.status"]');
    return text === undefined ? item : item.filter({ hasText: text });
  }

  async settled(text: string | RegExp, timeout = 60_000): Promise<void> {
    await this.status(text).waitFor({ timeout });
  }

  /** The page of the search view. */
  async view(): Promise<Frame> {
    const outer = await this.page.waitForSelector("iframe.webview.ready", { timeout: START_MS });
    const frame = await outer.contentFrame();
    const inner = await (await frame?.waitForSelector("iframe#active-frame"))?.contentFrame();
    if (!inner) {
      throw new Error("the search view has no page");
    }
    await inner.waitForSelector("#query");
    await inner.waitForFunction(() => document.querySelectorAll("#where option").length > 0);
    return inner;
  }

  async openView(): Promise<Frame> {
    await this.run("Conexus: Open the Search View");
    return this.view();
  }

  /** Searches in the view, and waits for the answer. */
  async search(query: string): Promise<Frame> {
    const isOpen = await this.page.locator("iframe.webview.ready").first().isVisible();
    const view = isOpen ? await this.view() : await this.openView();
    await view.fill("#query", query);
    await view.press("#query", "Enter");
    await view.waitForFunction(() => /\d+ ms$|Nothing found/.test(document.querySelector("#said span")?.textContent ?? ""));
    return view;
  }

  picker(): Locator {
    return this.page.locator(".quick-input-widget:not([style*='display: none']) .quick-input-box input, .quick-input-widget .quick-input-filter input").first();
  }

  rows(text?: string | RegExp): Locator {
    const rows = this.page.locator(".quick-input-list .monaco-list-row");
    return text === undefined ? rows : rows.filter({ hasText: text });
  }

  /** Runs a command by its title, as the palette shows it. */
  async run(title: string): Promise<void> {
    await this.choose("F1", `>${title}`, title);
  }

  /** Opens a list by a key, and takes what is filled in; once more where something else took the focus meanwhile. */
  private async choose(key: string, filled: string, row: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.page.keyboard.press(key);
        await this.picker().waitFor({ timeout: 5_000 });
        await this.picker().fill(filled, { timeout: 3_000 });
        await this.rows(row).first().click({ timeout: 8_000 });
        return;
      } catch (error) {
        if (tries === 3) {
          throw error;
        }
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Answers the box that asks for a text. */
  async answer(title: string, text: string): Promise<void> {
    await this.page.locator(".quick-input-widget .quick-input-title", { hasText: title }).waitFor();
    await this.picker().fill(text);
    await this.page.keyboard.press("Enter");
  }

  async activeFile(name: string): Promise<void> {
    await this.page.locator(`.editor-group-container.active .tab.active[data-resource-name="${name}"]`).waitFor();
  }

  async line(number: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => document.querySelector('.statusbar-item[id="status.editor.selection"]')?.textContent.includes(`Ln ${wanted},`),
      number,
    );
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast, .notification-list-item").filter({ hasText: text }).first();
  }

  async press(notification: Locator, button: string): Promise<void> {
    await notification.locator(".monaco-button", { hasText: button }).click();
  }

  dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }

  async openFile(name: string): Promise<void> {
    await this.choose("Control+p", name, name);
    await this.activeFile(name);
  }

  /** Puts the cursor at a place of the active file. */
  async goTo(line: number, column = 1): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.page.keyboard.press("Control+g");
        await this.picker().fill(`:${line}:${column}`, { timeout: 3_000 });
        await this.page.keyboard.press("Enter");
        await this.line(line);
        return;
      } catch (error) {
        if (tries === 3) {
          throw error;
        }
      }
    }
  }

  /** Opens the quick search by its key. */
  async quickSearch(): Promise<void> {
    const title = this.page.locator(".quick-input-widget .quick-input-title", { hasText: "Conexus: Search Code" });
    for (let tries = 1; ; tries++) {
      await this.page.keyboard.press("Control+Alt+f");
      try {
        await title.waitFor({ timeout: 4_000 });
        return;
      } catch (error) {
        if (tries === 3) {
          throw error;
        }
      }
    }
  }

  /** The tabs of all groups, as they are read out; the active one with a star. */
  tabs(): Promise<string[]> {
    return this.page.locator(".tab").evaluateAll((all) => all.map((tab) => (tab.getAttribute("aria-label") ?? "") + (tab.classList.contains("active") ? "*" : "")));
  }

  /** A row of a view that is no page. */
  row(text: string | RegExp): Locator {
    return this.page.locator(".pane-body .monaco-list-row", { hasText: text });
  }

  clipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Asks again and again until something holds. */
  async until(holds: () => Promise<boolean> | boolean, what: string, timeout = 10_000): Promise<void> {
    const end = Date.now() + timeout;
    while (!(await holds())) {
      if (Date.now() > end) {
        throw new Error(`not within ${timeout} ms: ${what}`);
      }
      await this.page.waitForTimeout(200);
    }
  }
}

function writeSettings(data: string, { settings, machine }: Options): void {
  const user = {
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": false,
    "extensions.autoUpdate": false,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": false,
    "workbench.enableExperiments": false,
    "window.menuBarVisibility": "compact",
    "chat.disableAIFeatures": true,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "files.autoSave": "off",
    "editor.accessibilitySupport": "off",
    ...settings,
  };
  for (const [name, found] of [["User", user], ["Machine", machine ?? {}]] as const) {
    fs.mkdirSync(path.join(data, name), { recursive: true });
    fs.writeFileSync(path.join(data, name, "settings.json"), JSON.stringify(found, null, 1));
  }
}
