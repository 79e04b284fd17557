// SPDX-License-Identifier: FSL-1.1-MIT
/** Questions that were asked, newest first. Pure but for the store that it is given. */

/** Where it is kept: a part of `vscode.Memento`. */
export interface Store {
  get(key: string): unknown;
  update(key: string, value: unknown): Thenable<void>;
}

const KEY = "history";
const MOST_CHARS = 500;

/** The questions of one workspace. */
export class History {
  readonly #store: Store;
  readonly #most: () => number;
  readonly #changed: () => void;

  constructor(store: Store, most: () => number, changed: () => void = () => undefined) {
    this.#store = store;
    this.#most = most;
    this.#changed = changed;
  }

  /** The questions, newest first. */
  all(): string[] {
    const found = this.#store.get(KEY);
    const texts = Array.isArray(found) ? found.filter((one): one is string => typeof one === "string") : [];
    return texts.slice(0, this.#most());
  }

  /** Puts a question first. One that was asked before stands once. */
  async add(question: string): Promise<void> {
    const text = question.trim();
    if (text === "" || text.length > MOST_CHARS) {
      return;
    }
    const others = this.all().filter((one) => one !== text);
    await this.#store.update(KEY, [text, ...others].slice(0, this.#most()));
    this.#changed();
  }

  /** Forgets all. */
  async clear(): Promise<void> {
    await this.#store.update(KEY, undefined);
    this.#changed();
  }
}
