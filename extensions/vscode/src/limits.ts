// SPDX-License-Identifier: FSL-1.1-MIT
/** What a refusal of the edition says, as the daemon tells it. Pure. */

import type { ConexusError } from "@conexus/client";

/** A feature or a number that the edition does not have. */
export interface Refusal {
  feature: string;
  /** Where it is a number that is used up. */
  limit: number | null;
  used: number | null;
  requiredPlan: string;
  /** A page of the vendor; empty where the daemon names none that is safe to open. */
  upgradeUrl: string;
}

const CODE = "feature_not_available";

/** Returns what the edition refused, or `null` where an error is no refusal. */
export function refusalOf(error: Pick<ConexusError, "code" | "details">): Refusal | null {
  if (error.code !== CODE) {
    return null;
  }
  const { feature, limit, used, required_plan: plan, upgrade_url: url } = error.details;
  return {
    feature: feature ?? "",
    limit: numberOf(limit),
    used: numberOf(used),
    requiredPlan: plan ?? "",
    upgradeUrl: safeUrl(url ?? ""),
  };
}

/** Returns an address where it is one of the web without credentials; else nothing. */
export function safeUrl(text: string): string {
  try {
    const url = new URL(text);
    return url.protocol === "https:" && url.username === "" && url.password === "" ? url.href : "";
  } catch {
    return "";
  }
}

function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
