// SPDX-License-Identifier: FSL-1.1-MIT
/** The page of the search view. It builds elements and sets their text: nothing that it is sent is ever read as HTML. */

import type { ShownFile, ShownResult } from "../src/grouping";
import { type Choice, type Filters, filtersOf, MOST_FILTER_CHARS, MOST_QUERY_CHARS, NO_FILTERS, type OpenMode, type Surroundings, type ToView } from "../src/messages";

declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
};

/** What outlives the page. */
interface Kept {
  query: string;
  filters: Filters;
  open: boolean;
  /** Whether the user chose where is searched, or whether in tests: else the settings say so. */
  own: { where: boolean; tests: boolean };
}

const TYPING_MS = 150;
const editor = acquireVsCodeApi();
let kept: Kept = keptOf(editor.getState());
let answer = 0;
let history: string[] = [];
let historyAt = -1;
/** What stood in the box before an earlier question was put there. */
let draft = "";
let shownNotice = "";
let typing: ReturnType<typeof setTimeout> | undefined;
/** Whether what is answered now was asked before a question that is too long to be asked. */
let isPassedOver = false;
let texts: Record<string, string> = {};

// --------------------------------------------------------------------------------------- elements

const query = element("textarea", { id: "query", rows: 1, spellcheck: false });
const submit = element("button", { id: "submit", type: "submit" });
const form = element("form", { id: "ask" }, [query, submit]);
form.setAttribute("role", "search");
const where = element("select", { id: "where" });
const language = element("select", { id: "language" });
const kind = element("select", { id: "kind" });
const tests = element("input", { id: "tests", type: "checkbox" });
const testsText = element("span", {});
const path = element("input", { id: "path", type: "text", spellcheck: false });
const summary = element("summary", {});
const filters = element("details", { id: "filters" }, [
  summary,
  where,
  element("div", { className: "pair" }, [language, kind]),
  path,
  element("label", { className: "check" }, [tests, testsText]),
]);
const about = element("p", { id: "about", hidden: true });
const keys = element("p", { id: "keys", hidden: true });
const said = element("p", { id: "said" });
said.setAttribute("role", "status");
const notice = element("div", { id: "notice", hidden: true });
const list = element("div", { id: "results" });
list.setAttribute("role", "tree");
const more = element("button", { id: "more", type: "button", hidden: true });
const copy = element("button", { id: "copy", type: "button", hidden: true });
const heading = element("h1", { className: "unseen" });
const actions = element("div", { className: "actions" }, [more, copy]);
document.body.append(element("main", {}, [heading, form, filters, about, said, notice, list, actions, keys]));

// --------------------------------------------------------------------------------------- asking

function search(remember: boolean): void {
  clearTimeout(typing);
  keep({ query: query.value, filters: chosen() });
  isPassedOver = false;
  const tooLong = query.value.length > MOST_QUERY_CHARS ? "longQuery" : path.value.length > MOST_FILTER_CHARS ? "longPath" : "";
  if (tooLong) {
    isPassedOver = true;
    empty();
    tell(text(tooLong), []);
    return;
  }
  if (remember) {
    tell(text("busy"), []);
  }
  editor.postMessage({ type: "search", query: kept.query, filters: kept.filters, remember });
}

function keep(changes: Partial<Kept>): void {
  kept = { ...kept, ...changes };
  editor.setState(kept);
}

function chosen(): Filters {
  return { where: where.value, language: language.value, kind: kind.value, tests: tests.checked, path: path.value };
}

function choose(value: string): void {
  query.value = value;
  fit();
}

function fit(): void {
  query.style.height = "auto";
  query.style.height = `${Math.min(query.scrollHeight + 2, 160)}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search(true);
});
query.addEventListener("input", () => {
  fit();
  historyAt = -1;
  clearTimeout(typing);
  typing = setTimeout(() => search(false), TYPING_MS);
});
query.addEventListener("keydown", (event) => {
  const isPlain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (event.key === "Enter" && isPlain) {
    event.preventDefault();
    search(true);
  } else if (event.key === "ArrowUp" && isPlain && atStart()) {
    event.preventDefault();
    recall(1);
  } else if (event.key === "ArrowDown" && isPlain && historyAt >= 0) {
    event.preventDefault();
    recall(-1);
  } else if (event.key === "ArrowDown" && isPlain && atEnd()) {
    event.preventDefault();
    items()[0]?.focus();
  } else if (event.key === "Escape" && query.value !== "") {
    choose("");
    search(false);
  }
});
for (const control of [where, language, kind, tests, path]) {
  control.addEventListener("change", () => {
    keep({ own: { where: kept.own.where || control === where, tests: kept.own.tests || control === tests } });
    search(false);
  });
}
filters.addEventListener("toggle", () => keep({ open: filters.open }));
more.addEventListener("click", () => editor.postMessage({ type: "more" }));
copy.addEventListener("click", () => editor.postMessage({ type: "run", command: "copyContext" }));

function atStart(): boolean {
  return !query.value.slice(0, query.selectionStart).includes("\n");
}

function atEnd(): boolean {
  return !query.value.slice(query.selectionEnd).includes("\n");
}

/** Puts an earlier question (1) or a later one (-1) into the box. */
function recall(by: 1 | -1): void {
  const next = Math.min(historyAt + by, history.length - 1);
  if (historyAt < 0) {
    draft = query.value;
  }
  const found = next < 0 ? draft : history[next];
  if (found !== undefined) {
    historyAt = next;
    choose(found);
    query.setSelectionRange(0, 0);
    clearTimeout(typing);
    typing = setTimeout(() => search(false), TYPING_MS);
  }
}

// --------------------------------------------------------------------------------------- results

function show(files: readonly ShownFile[]): void {
  const hadFocus = list.contains(document.activeElement);
  list.replaceChildren(...files.map(fileElement));
  const [first] = items();
  if (first) {
    first.tabIndex = 0;
  }
  if (hadFocus) {
    (first ?? query).focus();
  }
}

function fileElement(file: ShownFile): HTMLElement {
  const name = element("span", { className: "name", textContent: file.name });
  const folder = element("span", { className: "folder", textContent: file.folder });
  const count = element("span", { className: "badge", textContent: String(file.results.length) });
  const head = element("div", { className: "file item", tabIndex: -1, title: [file.folder, file.name].filter(Boolean).join("/") }, [
    ...[name, " ", folder, " "], // blanks, which only a reader of the screen hears
    ...[element("span", { className: "repository", textContent: file.repository }), " ", count],
  ]);
  head.setAttribute("role", "treeitem");
  head.setAttribute("aria-level", "1");
  head.setAttribute("aria-expanded", "true");
  const group = element("div", { className: "group" }, file.results.map(resultElement));
  group.setAttribute("role", "group");
  head.addEventListener("click", () => fold(head, head.getAttribute("aria-expanded") !== "true"));
  const whole = element("div", { className: "whole" }, [head, group]);
  whole.setAttribute("role", "none");
  return whole;
}

function resultElement(result: ShownResult): HTMLElement {
  const title = element("div", { className: "title" }, [
    element("span", { className: "line", textContent: String(result.line) }),
    result.symbol
      ? element("span", { className: "symbol", textContent: result.symbol })
      : element("span", { className: "kind", textContent: `${text("lines")} ${result.lines}` }),
    element("span", { className: "kind", textContent: result.kind === "block" ? "" : result.kind }),
    element("span", { className: `freshness ${result.freshness}`, textContent: result.freshness === "fresh" ? "" : text(result.freshness) }),
    element("span", { className: "score", textContent: result.score, title: text("score") }),
  ]);
  const lines = result.snippet.map((line) =>
    element("div", { className: "code" }, [
      element("span", { className: "number", textContent: String(line.number) }),
      ...line.segments.map((segment) => element(segment.hit ? "mark" : "span", { textContent: segment.text })),
    ]),
  );
  const item = element("div", { className: "result item", tabIndex: -1 }, [title, element("div", { className: "snippet" }, lines)]);
  item.dataset.at = String(result.at);
  item.setAttribute("role", "treeitem");
  item.setAttribute("aria-level", "2");
  item.addEventListener("click", (event) => open(item, event.ctrlKey || event.metaKey ? "side" : "open"));
  return item;
}

function open(item: HTMLElement, mode: OpenMode): void {
  const at = item.dataset.at;
  if (at !== undefined) {
    select(item);
    editor.postMessage({ type: "open", answer, at: Number(at), mode });
  }
}

function items(): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>(".item")].filter((one) => one.closest(".group.folded") === null);
}

function fold(head: HTMLElement, isOpen: boolean): void {
  head.setAttribute("aria-expanded", String(isOpen));
  head.nextElementSibling?.classList.toggle("folded", !isOpen);
}

function select(item: HTMLElement): void {
  for (const one of list.querySelectorAll<HTMLElement>(".item")) {
    one.tabIndex = one === item ? 0 : -1;
    one.setAttribute("aria-selected", String(one === item));
  }
}

function move(to: HTMLElement | undefined): void {
  if (to) {
    select(to);
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }
}

list.addEventListener("keydown", (event) => {
  const item = (event.target as HTMLElement).closest<HTMLElement>(".item");
  if (!item) {
    return;
  }
  const all = items();
  const place = all.indexOf(item);
  const isFile = item.classList.contains("file");
  const act: Record<string, () => void> = {
    ArrowDown: () => move(all[place + 1]),
    ArrowUp: () => (place === 0 ? query.focus() : move(all[place - 1])),
    Home: () => move(all[0]),
    End: () => move(all.at(-1)),
    ArrowLeft: () => (isFile ? fold(item, false) : move(headOf(item))),
    ArrowRight: () => (isFile && item.getAttribute("aria-expanded") === "false" ? fold(item, true) : move(all[place + 1])),
    Enter: () => (isFile ? item.click() : open(item, event.ctrlKey || event.metaKey ? "side" : "open")),
    " ": () => (isFile ? item.click() : open(item, "preview")),
    Escape: () => query.focus(),
  };
  const action = act[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});

function headOf(item: HTMLElement): HTMLElement | undefined {
  return item.closest(".whole")?.querySelector<HTMLElement>(".file") ?? undefined;
}

// --------------------------------------------------------------------------------------- what the extension says

for (const focused of [true, false]) {
  window.addEventListener(focused ? "focus" : "blur", () => editor.postMessage({ type: "focused", focused }));
}
window.addEventListener("message", (event: MessageEvent<ToView>) => {
  const message = event.data;
  if (isPassedOver && (message.type === "busy" || message.type === "answer" || message.type === "failed" || message.type === "cleared")) {
    return;
  }
  switch (message.type) {
    case "surroundings":
      surround(message.surroundings);
      break;
    case "busy":
      list.setAttribute("aria-busy", "true");
      break;
    case "answer":
      answer = message.answer;
      if (message.about) { // what is answered is no question: that which stood there is not its
        choose("");
        keep({ query: "" });
      }
      about.hidden = message.about === "";
      about.textContent = message.about;
      tell(message.said, message.notices);
      show(message.files);
      more.hidden = !message.more;
      copy.hidden = !message.copy;
      keys.hidden = message.files.length === 0;
      break;
    case "failed":
      empty();
      tell(message.message, message.hint ? [message.hint] : []);
      break;
    case "cleared":
      empty();
      tell("", []);
      break;
    case "unanswered": // the window was opened anew
      if (query.value !== "") {
        search(false);
      }
      break;
    case "ask":
      choose(message.query);
      if (message.where !== null) {
        where.value = message.where;
        filters.open = true;
        keep({ own: { ...kept.own, where: true } });
      }
      query.focus();
      if (message.query !== "") {
        search(true);
      }
      break;
    case "focus":
      query.focus();
      query.select();
  }
});

function empty(): void {
  list.replaceChildren();
  more.hidden = copy.hidden = keys.hidden = about.hidden = true;
}

function tell(line: string, notices: readonly string[]): void {
  list.removeAttribute("aria-busy");
  said.replaceChildren(...[line, ...notices].filter(Boolean).map((one) => element("span", { textContent: one })));
}

function surround(found: Surroundings): void {
  texts = found.texts;
  history = found.history;
  query.placeholder = text("query");
  label(query, "queryLabel");
  heading.textContent = text("search");
  submit.textContent = text("search");
  summary.textContent = text("filters");
  testsText.textContent = text("tests");
  path.placeholder = text("path");
  label(path, "pathLabel");
  label(where, "where");
  label(language, "language");
  label(kind, "kind");
  label(list, "results");
  more.textContent = text("more");
  copy.textContent = text("copy");
  keys.textContent = text("keys");
  const wanted = where.options.length ? chosen() : kept.filters;
  options(where, found.where, kept.own.where ? wanted.where : found.usual.where, found.known);
  const languages = found.languages.map((one) => ({ value: one, label: one }));
  options(language, [{ value: "", label: text("anyLanguage") }, ...languages], wanted.language, found.known);
  options(kind, [{ value: "", label: text("anyKind") }, ...found.kinds], wanted.kind, found.known);
  if (!kept.own.tests) {
    tests.checked = found.usual.tests;
  }
  announce(found.notice);
}

/** Shows a notice; what has not changed is left as it is, so that its button keeps the focus. */
function announce(found: Surroundings["notice"]): void {
  const hadFocus = notice.contains(document.activeElement);
  notice.hidden = found === null;
  const now = found ? `${found.command} ${found.button}` : "";
  const line = notice.querySelector("p");
  if (found && line && now === shownNotice) {
    if (line.textContent !== found.text) {
      line.textContent = found.text;
    }
    return;
  }
  shownNotice = now;
  if (found) {
    const { command } = found;
    const button = element("button", { type: "button", textContent: found.button });
    button.addEventListener("click", () => editor.postMessage({ type: "run", command }));
    notice.replaceChildren(element("p", { textContent: found.text }), button);
  }
  if (hadFocus) {
    (found ? notice.querySelector("button") : query)?.focus();
  }
}

/** Sets the choices of a filter. While no daemon is known, what is chosen stays, with the name that it had. */
function options(select: HTMLSelectElement, choices: readonly Choice[], wanted: string, isKnown: boolean): void {
  const isThere = choices.some((one) => one.value === wanted);
  const label = [...select.options].find((one) => one.value === wanted)?.text ?? wanted;
  const all = isThere || isKnown ? choices : [...choices, { value: wanted, label }];
  const before = [...select.options].map((one) => ({ value: one.value, label: one.text }));
  if (JSON.stringify(before) !== JSON.stringify(all.map(({ value, label: name }) => ({ value, label: name })))) {
    select.replaceChildren(...all.map((one) => element("option", { value: one.value, textContent: one.label })));
  }
  const value = isThere || !isKnown ? wanted : (choices[0]?.value ?? "");
  if (select.value !== value) {
    select.value = value;
  }
}

function label(control: HTMLElement, name: string): void {
  control.setAttribute("aria-label", text(name));
  if (control !== list) {
    control.title = text(name);
  }
}

function text(name: string): string {
  return texts[name] ?? "";
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  children: readonly (Node | string)[] = [],
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function keptOf(state: unknown): Kept {
  const { query: asked, filters: chosenBefore, open: isOpen, own } = (state ?? {}) as Partial<Record<keyof Kept, unknown>>;
  const { where: ownWhere, tests: ownTests } = (own ?? {}) as Partial<Record<keyof Kept["own"], unknown>>;
  return {
    query: typeof asked === "string" ? asked : "",
    filters: filtersOf(chosenBefore) ?? NO_FILTERS,
    open: isOpen === true,
    own: { where: ownWhere === true, tests: ownTests === true },
  };
}

choose(kept.query);
filters.open = kept.open;
tests.checked = kept.filters.tests;
path.value = kept.filters.path;
editor.postMessage({ type: "ready" });
