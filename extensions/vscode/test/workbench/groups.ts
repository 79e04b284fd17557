// SPDX-License-Identifier: FSL-1.1-MIT
/** All groups of scenarios. */

import { CODING } from "./coding";
import { DAEMON } from "./daemon";
import { ELSEWHERE } from "./elsewhere";
import { JOBS } from "./jobs";
import { LIMITS } from "./limits";
import { MAIN } from "./main_job";
import type { Group } from "./scenario";
import { SEARCHING } from "./searching";
import { RESTRICTED, TRUSTED } from "./trust";

export const GROUPS: readonly Group[] = [MAIN, SEARCHING, CODING, DAEMON, JOBS, LIMITS, RESTRICTED, TRUSTED, ELSEWHERE];
