// SPDX-License-Identifier: FSL-1.1-MIT
/** The number of callers over functions and classes. Off unless a setting says so. */

import * as vscode from "vscode";

import { outline } from "./outline";
import { treeOf } from "./places";
import type { Session } from "./session";
import { setting } from "./settings";
import type { Use } from "./wire";

const MOST_USES = 200;
const COUNTED = new Set([vscode.SymbolKind.Function, vscode.SymbolKind.Method, vscode.SymbolKind.Class, vscode.SymbolKind.Interface, vscode.SymbolKind.Constructor]);

/** A lens whose number is asked for when it is seen. */
class CallersLens extends vscode.CodeLens {
  readonly uri: vscode.Uri;
  readonly symbol: string;

  constructor(range: vscode.Range, uri: vscode.Uri, symbol: string) {
    super(range);
    this.uri = uri;
    this.symbol = symbol;
  }
}

/** Gives lenses for files that are indexed. */
export class CallersLenses implements vscode.CodeLensProvider {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;
  readonly #session: Session;
  #snapshots = "";

  constructor(session: Session) {
    this.#session = session;
    session.onDidChange(({ repositories }) => {
      const snapshots = repositories.map((one) => one.snapshot).join(" ");
      if (snapshots !== this.#snapshots) {
        this.#snapshots = snapshots;
        this.#changed.fire();
      }
    });
  }

  refresh(): void {
    this.#changed.fire();
  }

  async provideCodeLenses(document: vscode.TextDocument, token: vscode.CancellationToken): Promise<CallersLens[]> {
    const found = treeOf(this.#session.real(document.uri.fsPath), this.#session.known.repositories);
    if (!setting("codeLens.enabled") || !found || this.#session.known.link !== "ready") {
      return [];
    }
    const named = (await ofEditor(document.uri)) ?? ofText(document);
    return token.isCancellationRequested ? [] : named; // each is asked about when it is seen
  }

  async resolveCodeLens(lens: CallersLens): Promise<CallersLens> {
    const found = treeOf(this.#session.real(lens.uri.fsPath), this.#session.known.repositories);
    const filter = { roots: found ? [found.tree.root] : null, tests: true, ref: "" };
    const body = { name: lens.symbol, uses: true, limit: MOST_USES, filter };
    try {
      const { definitions, uses, complete } = await this.#session.ask("symbols", (client) => client.symbols(body));
      const isKnown = definitions.some((one) => one.path === found?.path);
      const title = isKnown ? titleOf(callersOf(uses), complete) : vscode.l10n.t("not in the index");
      lens.command = { title, command: isKnown ? "conexus.showCallers" : "", arguments: [lens.symbol] };
    } catch {
      lens.command = { title: vscode.l10n.t("callers not known"), command: "" };
    }
    return lens;
  }
}

/** Returns the definitions that use a name: each counts once, what stands in none counts by its file. */
export function callersOf(uses: readonly Use[]): number {
  return new Set(uses.filter((use) => use.symbol !== "").map((use) => `${use.root} ${use.path} ${use.symbol_line}`)).size;
}

function titleOf(count: number, complete: boolean): string {
  if (count === 1 && complete) {
    return vscode.l10n.t("1 caller");
  }
  return complete ? vscode.l10n.t("{0} callers", count) : vscode.l10n.t("{0} callers or more", count);
}

function ofText(document: vscode.TextDocument): CallersLens[] {
  return outline(document.getText().split(/\r?\n/)).map(
    ({ name, line }) => new CallersLens(new vscode.Range(line, 0, line, 0), document.uri, name),
  );
}

async function ofEditor(uri: vscode.Uri): Promise<CallersLens[] | null> {
  const found = await vscode.commands.executeCommand<vscode.DocumentSymbol[] | undefined>("vscode.executeDocumentSymbolProvider", uri);
  if (!found?.length) {
    return null;
  }
  const lenses: CallersLens[] = [];
  const visit = (symbols: readonly vscode.DocumentSymbol[]): void => {
    for (const one of symbols) {
      if (COUNTED.has(one.kind)) {
        const { line } = ("selectionRange" in one ? one.selectionRange : (one as vscode.SymbolInformation).location.range).start;
        lenses.push(new CallersLens(new vscode.Range(line, 0, line, 0), uri, one.name.replace(/\(.*$/s, "")));
      }
      visit("children" in one ? one.children : []);
    }
  };
  visit(found);
  return lenses;
}
