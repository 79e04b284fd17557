// SPDX-License-Identifier: FSL-1.1-MIT
/** Places that may define what stands at the cursor: by name first, then by meaning. */

import type { Definition, Result } from "@conexus/client";
import * as vscode from "vscode";

import { type Notices } from "./notices";
import type { Opener, Target } from "./opener";
import { type PlaceItem, PlacePick, placeItem } from "./pick";
import type { Searching } from "./searching";
import type { Session } from "./session";

const LIMIT = 15;
const MOST_LINE_CHARS = 400;
const KINDS = ["function", "method", "class", "struct", "interface", "enum", "type", "module", "macro", "constant"] as const;

/** Shows candidates for the name or expression at the cursor. */
export async function findDefinitions(session: Session, searching: Searching, opener: Opener, notices: Notices): Promise<void> {
  const asked = atCursor() ?? (await askedFor());
  if (!asked) {
    return;
  }
  const place = new PlacePick(opener, notices);
  const { pick } = place;
  pick.title = vscode.l10n.t("Definition candidates");
  pick.placeholder = asked.name;
  pick.busy = true;
  pick.show();
  try {
    const items = await candidates(session, searching, asked);
    pick.items = items.length ? items : [{ label: vscode.l10n.t("Nothing found"), alwaysShow: true }];
  } catch (error) {
    pick.hide();
    await notices.error(error);
  } finally {
    pick.busy = false;
  }
}

/** Returns candidates: definitions of that name, then what the line around it seems to speak of. */
export async function candidates(session: Session, searching: Searching, asked: { name: string; line: string }): Promise<PlaceItem[]> {
  const filter = await searching.filter();
  const [named, meant] = await Promise.all([
    session.ask("symbols", (client) => client.symbols({ name: asked.name, filter, limit: LIMIT })),
    session.ask("search", (client) =>
      client.search({ query: `${asked.name} ${asked.line}`, limit: LIMIT, filter: { ...filter, kinds: [...KINDS] } }),
    ),
  ]);
  const seen = new Set<string>();
  const isNew = (one: { root: string; path: string; line: number }): boolean => {
    const key = `${one.root} ${one.path} ${one.line}`;
    return !seen.has(key) && Boolean(seen.add(key));
  };
  const byName = named.definitions.filter(isNew);
  const byMeaning = meant.results.filter(isNew);
  const separator = (label: string): PlaceItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  return [
    ...(byName.length ? [separator(vscode.l10n.t("by name"))] : []),
    ...byName.map((one) => placeItem(ofDefinition(one), one.kind, one.symbol, one.signature || one.doc)),
    ...(byMeaning.length ? [separator(vscode.l10n.t("by meaning"))] : []),
    ...byMeaning.map((one: Result) => placeItem(one, one.kind, one.symbol ?? one.path, one.signature ?? "")),
  ];
}

async function askedFor(): Promise<{ name: string; line: string } | undefined> {
  const name = await vscode.window.showInputBox({ title: vscode.l10n.t("Which definition is looked for?") });
  return name ? { name, line: "" } : undefined;
}

function atCursor(): { name: string; line: string } | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    return undefined;
  }
  const { document, selection } = editor;
  const range = selection.isEmpty ? document.getWordRangeAtPosition(selection.active) : selection;
  const name = range ? document.getText(range).trim().slice(0, MOST_LINE_CHARS) : "";
  const line = document.lineAt(selection.active.line).text.trim().slice(0, MOST_LINE_CHARS);
  return name ? { name, line } : undefined;
}

function ofDefinition(one: Definition): Target {
  const { repository, root, path, line, end_line, signature } = one;
  return { repository, root, path, line, start_line: line, end_line, text: signature.split("\n")[0] ?? "", freshness: "fresh" };
}
