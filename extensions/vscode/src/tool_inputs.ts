// SPDX-License-Identifier: FSL-1.1-MIT
/** Input of language model tools. The editor does not check it against the schema of the manifest: this does. Pure. */

/** Input that is no good, in words for a model. */
export class WrongInput extends Error {}

/** What a field may be. */
export type Rule =
  | { type: "text"; most: number; required?: true }
  | { type: "number"; least: number; most: number }
  | { type: "flag" }
  | { type: "texts"; most: number };

export type Rules = Readonly<Record<string, Rule>>;

export const SEARCH_RULES = {
  query: { type: "text", most: 8000, required: true },
  limit: { type: "number", least: 1, most: 50 },
  languages: { type: "texts", most: 50 },
  paths: { type: "texts", most: 50 },
  tests: { type: "flag" },
} as const satisfies Rules;
export const CONTEXT_RULES = {
  query: { type: "text", most: 8000, required: true },
  max_tokens: { type: "number", least: 200, most: 20000 },
} as const satisfies Rules;
export const SYMBOLS_RULES = {
  name: { type: "text", most: 500, required: true },
  uses: { type: "flag" },
} as const satisfies Rules;

type Value<R extends Rule> = R extends { type: "text" }
  ? string
  : R extends { type: "number" }
    ? number
    : R extends { type: "flag" }
      ? boolean
      : string[];
type RequiredOf<R extends Rules> = { [K in keyof R]: R[K] extends { required: true } ? K : never }[keyof R];

/** Checked input. */
export type Input<R extends Rules> = { [K in RequiredOf<R>]: Value<R[K]> } & {
  [K in Exclude<keyof R, RequiredOf<R>>]?: Value<R[K]>;
};

/**
 * Returns input that keeps to rules.
 *
 * @throws WrongInput where it does not, or has a field that there is none of.
 */
export function checked<R extends Rules>(input: unknown, rules: R): Input<R> {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new WrongInput("the input is no object");
  }
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(rules, name)) {
      throw new WrongInput(`there is no field '${name.slice(0, 40)}'; known are: ${Object.keys(rules).join(", ")}`);
    }
  }
  const found: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value: unknown = (input as Record<string, unknown>)[name];
    if (value !== undefined) {
      const wrong = wrongness(value, rule);
      if (wrong) {
        throw new WrongInput(`${name} ${wrong}`);
      }
      found[name] = value;
    } else if ("required" in rule) {
      throw new WrongInput(`${name} is missing`);
    }
  }
  return found as Input<R>;
}

function wrongness(value: unknown, rule: Rule): string | null {
  switch (rule.type) {
    case "text":
      return typeof value === "string" && value.trim() !== "" && value.length <= rule.most
        ? null
        : `has to be a text of 1 to ${rule.most} characters`;
    case "number":
      return Number.isInteger(value) && (value as number) >= rule.least && (value as number) <= rule.most
        ? null
        : `has to be a whole number from ${rule.least} to ${rule.most}`;
    case "flag":
      return typeof value === "boolean" ? null : "has to be true or false";
    case "texts":
      return Array.isArray(value) && value.length <= rule.most && value.every((one) => typeof one === "string" && one !== "")
        ? null
        : `has to be a list of at most ${rule.most} texts`;
  }
}
