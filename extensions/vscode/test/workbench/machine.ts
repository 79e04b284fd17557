// SPDX-License-Identifier: FSL-1.1-MIT
/** A home folder of its own, the real `conexus` in it, and repositories to search. */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** What a person's machine has. */
export class Machine {
  readonly env: Record<string, string>;
  readonly dataFolder: string;

  constructor(
    readonly root: string,
    private readonly conexus: string,
  ) {
    const folders = { XDG_CONFIG_HOME: "cfg", XDG_DATA_HOME: "share", XDG_CACHE_HOME: "cache", TMPDIR: "t" };
    this.env = { HOME: root, LANG: "C.UTF-8", HF_HUB_OFFLINE: "1", PATH: process.env.PATH ?? "" };
    for (const [name, folder] of Object.entries(folders)) {
      this.env[name] = path.join(root, folder);
      fs.mkdirSync(path.join(root, folder), { recursive: true });
    }
    this.dataFolder = path.join(root, "share", "conexus");
    fs.mkdirSync(path.join(root, "cfg", "conexus"));
    fs.writeFileSync(path.join(root, "cfg", "conexus", "config.toml"), "[daemon]\nport = 0\ngrpc_port = -1\n");
    fs.writeFileSync(path.join(root, ".gitconfig"), '[user]\nname = "Test"\nemail = "test@example.org"\n[init]\ndefaultBranch = main\n');
  }

  /** Runs `conexus` to its end. */
  run(...args: string[]): { code: number; out: string; err: string } {
    const { status, stdout, stderr } = spawnSync(this.conexus, args, { env: this.env, encoding: "utf-8", cwd: this.root, timeout: 120_000 });
    return { code: status ?? -1, out: stdout, err: stderr };
  }

  ok(...args: string[]): string {
    const ended = this.run(...args);
    if (ended.code !== 0) {
      throw new Error(`conexus ${args.join(" ")}: ${ended.code}\n${ended.out}${ended.err}`);
    }
    return ended.out;
  }

  /** Begins `conexus`, and does not wait for its end. */
  start(...args: string[]): void {
    spawn(this.conexus, args, { env: this.env, cwd: this.root, stdio: "ignore" }).on("error", (error) => console.log(`  ${String(error)}`));
  }

  /** What the daemon that runs wrote down of itself. */
  daemon(): { pid: number; http: string } {
    return JSON.parse(fs.readFileSync(path.join(this.dataFolder, "daemon.json"), "utf-8")) as { pid: number; http: string };
  }

  token(): string {
    return fs.readFileSync(path.join(this.dataFolder, "daemon.token"), "utf-8").trim();
  }

  /** Makes a git repository with a remote of its own. */
  repository(name: string, files: Record<string, string>): string {
    const folder = path.join(this.root, "src", name);
    this.write(folder, files);
    const git = (...args: string[]): Buffer => execFileSync("git", args, { cwd: folder, env: this.env });
    git("init", "--quiet");
    git("remote", "add", "origin", `https://example.org/tools/${encodeURIComponent(name)}.git`);
    git("add", "--all");
    git("commit", "--quiet", "--message", "all");
    return folder;
  }

  write(folder: string, files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text);
    }
  }

  end(): void {
    this.run("daemon", "stop");
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A small shop in Python and TypeScript, with tests and a guide. */
export const SHOP: Record<string, string> = {
  "shop/billing.py": [
    '"""Prices and bills."""',
    "",
    "import math",
    "",
    "",
    "def service_fee(amount):",
    '    """The fee that the payment provider takes."""',
    "    return math.ceil(amount * 0.029 + 30)",
    "",
    "",
    "def net_amount(amount):",
    '    """What is left of an amount when the fee is paid."""',
    "    return amount - service_fee(amount)",
    "",
    "",
    "def total_with_tax(items, rate):",
    '    """Add value added tax to the sum of all items of a bill."""',
    "    subtotal = sum(item.price for item in items)",
    "    return subtotal * (1 + rate)",
    "",
  ].join("\n"),
  "shop/checkout.py": [
    "from shop.billing import net_amount, total_with_tax",
    "",
    "",
    "class Checkout:",
    '    """A basket on its way to the till."""',
    "",
    "    def __init__(self, items):",
    "        self.items = items",
    "",
    "    def invoice(self, rate):",
    '        """Make the invoice that the customer gets."""',
    "        return {'total': total_with_tax(self.items, rate)}",
    "",
    "    def payout(self, rate):",
    '        """What the shop gets of an invoice."""',
    "        return net_amount(total_with_tax(self.items, rate))",
    "",
  ].join("\n"),
  "shop/retry.py": [
    "import time",
    "",
    "",
    "def with_backoff(action, attempts=5, first_delay=0.1):",
    '    """Call an action again with exponential delays until it succeeds."""',
    "    for attempt in range(attempts):",
    "        try:",
    "            return action()",
    "        except OSError:",
    "            time.sleep(first_delay * 2**attempt)",
    "    raise TimeoutError",
    "",
  ].join("\n"),
  "shop/passwords.py": [
    "import hashlib",
    "import hmac",
    "import os",
    "",
    "",
    "def hash_password(password):",
    '    """Hash a password with a random salt."""',
    "    salt = os.urandom(16)",
    "    return salt + hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1)",
    "",
    "",
    "def check_password(password, stored):",
    '    """Compare a password with its stored hash in constant time."""',
    "    salt, wanted = stored[:16], stored[16:]",
    "    return hmac.compare_digest(hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1), wanted)",
    "",
  ].join("\n"),
  "web/basket.ts": [
    "export interface Line {",
    "  sku: string;",
    "  quantity: number;",
    "}",
    "",
    "/** Puts an article into the basket, or raises its quantity. */",
    "export function addToBasket(lines: Line[], sku: string): Line[] {",
    "  const found = lines.find((line) => line.sku === sku);",
    "  return found ? lines.map((line) => (line === found ? { ...line, quantity: line.quantity + 1 } : line)) : [...lines, { sku, quantity: 1 }];",
    "}",
    "",
    "export function retryFetch(url: string): Promise<Response> {",
    "  return fetch(url).catch(() => fetch(url));",
    "}",
    "",
  ].join("\n"),
  "tests/test_billing.py": [
    "from shop.billing import total_with_tax",
    "",
    "",
    "def test_tax_is_added_to_a_bill():",
    '    """Value added tax is added to the sum of a bill."""',
    "    assert total_with_tax([], 0.19) == 0",
    "",
  ].join("\n"),
  "docs/guide.md": "# The shop\n\nHow prices, invoices and value added tax work.\n",
};

/** Many files, so that indexing takes a while. */
export function many(count: number): Record<string, string> {
  const files: Record<string, string> = {};
  for (let at = 0; at < count; at++) {
    const functions = Array.from(
      { length: 25 },
      (_, n) => `def step_${at}_${n}(value):\n    """Step ${n} of part ${at}."""\n    total = value * ${n + 1}\n    for item in range(total):\n        total += item % ${n + 2}\n    return total\n`,
    );
    files[`parts/part_${at}.py`] = functions.join("\n\n");
  }
  return files;
}
