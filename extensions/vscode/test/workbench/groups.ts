// SPDX-License-Identifier: FSL-1.1-MIT
/** All groups of scenarios. */

import { MAIN } from "./main_job";
import type { Group } from "./scenario";

export const GROUPS: readonly Group[] = [MAIN];
