// SPDX-License-Identifier: FSL-1.1-MIT
/** Limits of the edition, explained where they are met, with what to do. */

import { ConexusError } from "@conexus/client";
import * as vscode from "vscode";

import { type Refusal, safeUrl } from "./limits";
import { removeRepository } from "./repositories_view";
import type { Session } from "./session";
import { inLabel, inNotification } from "./text";

interface Item extends vscode.QuickPickItem {
  act?: () => Thenable<unknown>;
}

/** Says what was refused; without a refusal what the edition has. */
export async function explainLimit(session: Session, refusal: Refusal | null): Promise<void> {
  if (refusal) {
    await explainRefusal(session, refusal);
    return;
  }
  const features = session.known.features;
  if (!features) {
    throw new ConexusError("unavailable", vscode.l10n.t("No daemon runs."));
  }
  const most = features.max_repositories;
  const places = most === null ? vscode.l10n.t("no limit") : vscode.l10n.t("{0} of {1} used", features.repositories, most);
  const url = safeUrl(features.upgrade_url);
  const items: Item[] = [
    { label: `$(database) ${vscode.l10n.t("Repositories")}`, description: places, detail: vscode.l10n.t("Counted by identity: all clones and worktrees of one remote are one.") },
    ...features.notices.map((one) => ({ label: `$(info) ${inLabel(one)}` })),
    { label: `$(trash) ${vscode.l10n.t("Free a place: remove a repository…")}`, act: () => free(session) },
    ...(url ? [{ label: `$(link-external) ${vscode.l10n.t("What other editions have")}`, description: url, act: () => vscode.env.openExternal(vscode.Uri.parse(url)) }] : []),
    { label: vscode.l10n.t("features"), kind: vscode.QuickPickItemKind.Separator },
    ...features.features.map((one) => ({
      label: `$(${one.available ? "check" : "circle-slash"}) ${inLabel(one.name)}`,
      description: one.available ? "" : one.planned ? vscode.l10n.t("planned") : inLabel(one.required_plan),
    })),
  ];
  const title = vscode.l10n.t("Conexus: {0} edition", features.edition);
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: vscode.l10n.t("What this edition has") });
  await chosen?.act?.();
}

async function explainRefusal(session: Session, refusal: Refusal): Promise<void> {
  const { limit, used, requiredPlan, upgradeUrl, feature } = refusal;
  const plan = inNotification(requiredPlan, 40);
  const message =
    limit === null
      ? vscode.l10n.t("This edition does not have {0}. The {1} plan has it.", inNotification(feature, 60), plan)
      : vscode.l10n.t(
          "All places for repositories are taken: {0} of {1}. Remove one that you no longer search, or take the {2} plan. What is indexed goes on working.",
          used ?? limit,
          limit,
          plan,
        );
  const remove = vscode.l10n.t("Remove a Repository…");
  const more = vscode.l10n.t("What Editions Have");
  const actions = [...(limit === null ? [] : [remove]), ...(upgradeUrl ? [more] : [])];
  const chosen = await vscode.window.showWarningMessage(message, ...actions);
  if (chosen === remove) {
    await free(session);
  } else if (chosen === more) {
    await vscode.env.openExternal(vscode.Uri.parse(upgradeUrl));
  }
}

async function free(session: Session): Promise<void> {
  await removeRepository(session, vscode.l10n.t("Which repository is no longer needed?"), undefined);
}
