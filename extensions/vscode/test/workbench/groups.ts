// SPDX-License-Identifier: FSL-1.1-MIT
/** All groups of scenarios. */

import { MCP, TOOLS } from "./agents";
import { BUDGETS } from "./budgets";
import { CODING } from "./coding";
import { DAEMON } from "./daemon";
import { ELSEWHERE } from "./elsewhere";
import { LINKED, NESTED, ON_OPEN, PARTLY } from "./folders";
import { HOSTILE } from "./hostile";
import { MISSING, PYTHON, SETTING } from "./installing";
import { JOBS } from "./jobs";
import { LIMITS } from "./limits";
import { LOOKS } from "./looks";
import { MAIN } from "./main_job";
import type { Group } from "./scenario";
import { SEARCHING } from "./searching";
import { FOLLOWED, WRONG } from "./setting_values";
import { RESTRICTED, TRUSTED } from "./trust";
import { WALKTHROUGH } from "./walkthrough";

export const GROUPS: readonly Group[] = [
  ...[MAIN, SEARCHING, CODING, DAEMON, JOBS, LIMITS, RESTRICTED, TRUSTED, ELSEWHERE],
  ...[NESTED, LINKED, PARTLY, ON_OPEN, WRONG, FOLLOWED],
  ...[HOSTILE, LOOKS, MCP, TOOLS, PYTHON, SETTING, WALKTHROUGH, BUDGETS, MISSING],
];
