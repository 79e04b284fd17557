// SPDX-License-Identifier: FSL-1.1-MIT
/** How models in the editor reach Conexus: as an MCP server, or by tools of the editor; one of them at a time. */

import { ConexusError } from "@conexus/client";
import * as vscode from "vscode";

import type { Contexts } from "./contexts";
import type { Programs } from "./programs";
import type { Searching } from "./searching";
import type { Session } from "./session";
import { setting } from "./settings";
import { inLine, visible } from "./text";
import { checked, CONTEXT_RULES, SEARCH_RULES, SYMBOLS_RULES, WrongInput } from "./tool_inputs";

const PROVIDER = "conexus.mcp";
const LIMIT = 10;
const USES = 100;
const MOST_CHARS = 60_000;

/** What the tools need. */
export interface AiParts {
  session: Session;
  searching: Searching;
  contexts: Contexts;
  programs: Programs;
}

/** Offers what the setting says, and takes it back when the setting changes. */
export class AiAccess implements vscode.Disposable {
  readonly #parts: AiParts;
  readonly #version: string;
  readonly #servers = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #tools: vscode.Disposable[] = [];

  constructor(parts: AiParts, version: string) {
    this.#parts = parts;
    this.#version = version;
    this.#subscriptions.push(
      vscode.lm.registerMcpServerDefinitionProvider(PROVIDER, {
        onDidChangeMcpServerDefinitions: this.#servers.event,
        provideMcpServerDefinitions: () => this.#definitions(),
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (["conexus.ai", "conexus.path", "conexus.dataFolder", "conexus.daemon"].some((name) => event.affectsConfiguration(name))) {
          this.refresh();
        }
      }),
    );
    // The program is found, or is another one, when a daemon comes: after an install, or a change of settings.
    let link = parts.session.known.link;
    this.#subscriptions.push(
      parts.session.onDidChange((known) => {
        if (known.link !== link && (known.link === "ready" || known.link === "missing")) {
          this.#servers.fire();
        }
        link = known.link;
      }),
    );
    this.refresh();
  }

  /** Offers what is to be offered now. */
  refresh(): void {
    this.#tools.splice(0).forEach((tool): void => void tool.dispose());
    if (setting("ai.provider") === "tools" && vscode.workspace.isTrusted) {
      this.#tools = tools(this.#parts);
    }
    this.#servers.fire();
  }

  dispose(): void {
    this.#tools.splice(0).forEach((tool): void => void tool.dispose());
    this.#subscriptions.forEach((one): void => void one.dispose());
    this.#servers.dispose();
  }

  /** The bridge `conexus mcp`: it finds the daemon itself, so that no token passes through the editor. */
  async #definitions(): Promise<vscode.McpServerDefinition[]> {
    if (setting("ai.provider") !== "mcp" || !vscode.workspace.isTrusted || this.#parts.session.isRemote) {
      return [];
    }
    const binary = await this.#parts.programs.find();
    if (!binary) {
      return [];
    }
    const server = new vscode.McpStdioServerDefinition("Conexus", binary.path, ["mcp"], this.#parts.programs.variables(), this.#version);
    const [folder] = this.#parts.session.folders;
    if (folder) {
      server.cwd = vscode.Uri.file(folder);
    }
    return [server];
  }
}

function tools(parts: AiParts): vscode.Disposable[] {
  return [
    tool("conexus_search", (input) => vscode.l10n.t("Search the code of this workspace: {0}", said(input, "query")), async (input, signal) => {
      const { query, limit, languages, paths, tests } = checked(input, SEARCH_RULES);
      const filter = await parts.searching.filter();
      const narrowed = { ...filter, languages: languages ?? null, paths: paths ?? filter.paths ?? null, tests: tests ?? filter.tests ?? true };
      const body = { query, limit: limit ?? LIMIT, filter: narrowed };
      const { results, notices, complete } = await parts.session.ask("tool search", (client) => client.search(body, { signal }));
      const blocks = results.map(
        ({ path, line, end_line: last, symbol, kind, freshness, text }) =>
          `${inLine(path)}:${line} (${kind} ${inLine(symbol ?? "")}, to line ${last}${freshness === "fresh" ? "" : `, ${freshness}`})\n${visible(text)}`,
      );
      return [...blocks, ...notices, complete ? "" : "The index is not finished: there may be more."].filter(Boolean).join("\n\n") || "Nothing found.";
    }),
    tool("conexus_context", (input) => vscode.l10n.t("Pack code of this workspace for: {0}", said(input, "query")), async (input) => {
      const { query, max_tokens: tokens } = checked(input, CONTEXT_RULES);
      return (await parts.contexts.pack(query, tokens ?? 4000)).text || "Nothing found.";
    }),
    tool("conexus_symbols", (input) => vscode.l10n.t("Find the symbol {0} in this workspace", said(input, "name")), async (input, signal) => {
      const { name, uses } = checked(input, SYMBOLS_RULES);
      const filter = await parts.searching.filter();
      const body = { name, uses: uses ?? false, limit: USES, filter };
      const found = await parts.session.ask("tool symbols", (client) => client.symbols(body, { signal }));
      const lines = [
        ...found.definitions.map((one) => `${inLine(one.path)}:${one.line} defines ${one.kind} ${inLine(one.symbol)}: ${inLine(one.signature)}`),
        ...found.uses.map((one) => `${inLine(one.path)}:${one.line} uses it${one.symbol ? ` in ${inLine(one.symbol)}` : ""}`),
      ];
      return lines.join("\n") || "Nothing found.";
    }),
  ];
}

function tool(
  name: string,
  message: (input: unknown) => string,
  answer: (input: unknown, signal: AbortSignal) => Promise<string>,
): vscode.Disposable {
  return vscode.lm.registerTool<unknown>(name, {
    prepareInvocation: ({ input }) => ({
      invocationMessage: message(input),
      confirmationMessages: {
        title: "Conexus",
        message: `${message(input)}\n\n${vscode.l10n.t("The code that is found on this machine is given to the model.")}`,
      },
    }),
    invoke: async ({ input }, token) => {
      const given = new AbortController();
      token.onCancellationRequested(() => given.abort());
      try {
        const text = await answer(input, given.signal);
        return result(text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}\n…` : text);
      } catch (error) {
        if (error instanceof WrongInput || error instanceof ConexusError) {
          const hint = error instanceof ConexusError && error.hint ? ` ${error.hint}` : "";
          return result(`Error: ${error.message}${hint}`);
        }
        throw error;
      }
    },
  });
}

function result(text: string): vscode.LanguageModelToolResult {
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
}

/** A field of input as it stands in a question for consent, where Markdown would be read. */
function said(input: unknown, name: string): string {
  const value = typeof input === "object" && input !== null ? (input as Record<string, unknown>)[name] : "";
  return inLine(typeof value === "string" ? value : "", 200).replace(/[\\`*_{}[\]()<>#!|~$]/g, "\\$&");
}
