// SPDX-License-Identifier: FSL-1.1-MIT
/** Search as you type. */

import type { Result } from "@conexus/client";
import * as vscode from "vscode";

import type { History } from "./history";
import { inWords, type Notices } from "./notices";
import type { Opener } from "./opener";
import { type PlaceItem, PlacePick, placeItem } from "./pick";
import type { SearchView } from "./search_view";
import { BeingIndexed, NothingIndexed, type Searching } from "./searching";
import { inLabel } from "./text";
import { manageTrust, NotTrusted } from "./trust";

const LEAST_CHARS = 2;
const AGAIN_MS = 50; // while an answer is on its way; the first key asks at once
const LIMIT = 20;

/** What the quick search needs. */
export interface QuickSearchParts {
  searching: Searching;
  opener: Opener;
  notices: Notices;
  history: History;
  view: SearchView;
}

/** Opens the list. */
export function quickSearch(parts: QuickSearchParts, begun = ""): void {
  const { pick } = new PlacePick(parts.opener, parts.notices, parts.view.hasFocus ? () => parts.view.focus() : null);
  pick.title = vscode.l10n.t("Conexus: Search Code");
  pick.placeholder = vscode.l10n.t("What does the code do? Or a name, a path, a stack trace");
  let timer: NodeJS.Timeout | undefined;
  let asking: AbortController | undefined;

  const ask = async (query: string): Promise<void> => {
    asking?.abort();
    const own = new AbortController();
    asking = own;
    pick.busy = true;
    try {
      const { results } = await parts.searching.ask({ kind: "question", query }, { limit: LIMIT, signal: own.signal });
      if (!own.signal.aborted) {
        const [active] = pick.activeItems;
        const isChosen = active !== undefined && active !== pick.items[0];
        pick.items = results.length
          ? results.map((one) => placeItem(one, one.kind, one.symbol ?? openedLine(one), one.symbol ? openedLine(one) : ""))
          : [{ label: vscode.l10n.t("Nothing found"), alwaysShow: true }];
        const same = isChosen ? pick.items.find((one) => isSamePlace(one, active)) : undefined;
        pick.activeItems = same ? [same] : pick.items.slice(0, 1); // who has walked down stays there
      }
    } catch (error) {
      if (!own.signal.aborted) {
        pick.items = [failureItem(error)];
      }
    } finally {
      if (asking === own) {
        asking = undefined;
        pick.busy = false;
      }
    }
  };

  pick.onDidChangeValue((value) => {
    clearTimeout(timer);
    const query = value.trim();
    if (query.length < LEAST_CHARS) {
      asking?.abort();
      pick.items = historyItems(parts);
    } else if (asking) {
      timer = setTimeout(() => void ask(query), AGAIN_MS);
    } else {
      void ask(query);
    }
  });
  pick.onDidAccept(() => {
    if (pick.activeItems[0]?.target) {
      void parts.history.add(pick.value);
    }
  });
  pick.onDidHide(() => {
    clearTimeout(timer);
    asking?.abort();
  });
  pick.items = historyItems(parts);
  pick.show();
  if (begun) {
    pick.value = begun;
    void ask(begun);
  }
}

function historyItems(parts: QuickSearchParts): PlaceItem[] {
  return parts.history.all().map((query) => ({
    label: `$(history) ${inLabel(query, 120)}`,
    alwaysShow: true,
    run: () => {
      quickSearch(parts, query);
      return Promise.resolve();
    },
  }));
}

function failureItem(error: unknown): PlaceItem {
  if (error instanceof BeingIndexed) {
    const cancel = vscode.l10n.t("Cancel Indexing");
    return { label: `$(sync~spin) ${error.message}`, detail: cancel, alwaysShow: true, run: () => vscode.commands.executeCommand("conexus.cancelIndexing") };
  }
  if (error instanceof NothingIndexed && !vscode.workspace.isTrusted) {
    const trust = vscode.l10n.t("Manage Workspace Trust");
    return { label: `$(shield) ${error.message}`, detail: `${new NotTrusted().message} ${trust}`, alwaysShow: true, run: manageTrust };
  }
  if (error instanceof NothingIndexed) {
    const label = `$(database) ${vscode.l10n.t("This workspace is not indexed yet: index it now")}`;
    return { label, alwaysShow: true, run: () => vscode.commands.executeCommand("conexus.indexWorkspace") };
  }
  const { message, hint } = inWords(error);
  return {
    label: `$(warning) ${inLabel(message)}`,
    detail: inLabel(hint),
    alwaysShow: true,
    run: () => vscode.commands.executeCommand("conexus.showMenu"),
  };
}

function isSamePlace({ target: one }: PlaceItem, { target: other }: PlaceItem): boolean {
  return one !== undefined && one.root === other?.root && one.path === other.path && one.line === other.line;
}

/** The line of a result that is opened, as it was indexed. */
function openedLine({ text, line, start_line: first }: Result): string {
  const lines = text.split("\n");
  const opened = lines[line - first] ?? "";
  return opened.trim() === "" ? (lines.find((one) => one.trim() !== "") ?? "") : opened;
}
