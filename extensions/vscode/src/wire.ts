// SPDX-License-Identifier: FSL-1.1-MIT
/** Messages of the daemon that the client has no name of its own for. */

import type { components } from "@conexus/client";

export type FeaturesResponse = components["schemas"]["FeaturesResponse"];
export type Use = components["schemas"]["Use"];
