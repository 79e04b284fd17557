// SPDX-License-Identifier: FSL-1.1-MIT
/** The page of the search view. It builds elements and sets their text: nothing that it is sent is ever read as HTML. */

import type { ShownFile, ShownResult } from "../src/grouping";
import { type Filters, filtersOf, NO_FILTERS, type OpenMode, type Surroundings, type ToView } from "../src/messages";

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
}

const TYPING_MS = 150;
const editor = acquireVsCodeApi();
let kept: Kept = keptOf(editor.getState());
let answer = 0;
let history: string[] = [];
let historyAt = -1;
let typing: ReturnType<typeof setTimeout> | undefined;
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
const said = element("p", { id: "said" });
said.setAttribute("role", "status");
const notice = element("div", { id: "notice", hidden: true });
const list = element("div", { id: "results" });
list.setAttribute("role", "tree");
const more = element("button", { id: "more", type: "button", hidden: true });
const copy = element("button", { id: "copy", type: "button", hidden: true });
const heading = element("h1", { className: "unseen" });
const actions = element("div", { className: "actions" }, [more, copy]);
document.body.append(element("main", {}, [heading, form, filters, said, notice, list, actions]));

// --------------------------------------------------------------------------------------- asking

function search(remember: boolean): void {
  clearTimeout(typing);
  kept = { query: query.value, filters: chosen(), open: filters.open };
  editor.setState(kept);
  if (remember) {
    tell(text("busy"), []);
  }
  editor.postMessage({ type: "search", query: kept.query, filters: kept.filters, remember });
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
  control.addEventListener("change", () => search(false));
}
filters.addEventListener("toggle", () => {
  kept = { ...kept, open: filters.open };
  editor.setState(kept);
});
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
  const found = next < 0 ? "" : history[next];
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
    name,
    folder,
    element("span", { className: "repository", textContent: file.repository }),
    count,
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
    one.toggleAttribute("aria-selected", one === item);
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

window.addEventListener("message", (event: MessageEvent<ToView>) => {
  const message = event.data;
  switch (message.type) {
    case "surroundings":
      surround(message.surroundings);
      break;
    case "busy":
      list.setAttribute("aria-busy", "true");
      break;
    case "answer":
      answer = message.answer;
      tell(message.said, message.notices);
      show(message.files);
      more.hidden = !message.more;
      copy.hidden = message.files.length === 0;
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
  more.hidden = copy.hidden = true;
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
  const now = chosen();
  const wanted = where.options.length ? now : kept.filters;
  options(where, found.where, wanted.where);
  options(language, [{ value: "", label: text("anyLanguage") }, ...found.languages.map((one) => ({ value: one, label: one }))], wanted.language);
  options(kind, [{ value: "", label: text("anyKind") }, ...found.kinds.map((one) => ({ value: one, label: one }))], wanted.kind);
  notice.hidden = found.notice === null;
  if (found.notice) {
    const { command } = found.notice;
    const button = element("button", { type: "button", textContent: found.notice.button });
    button.addEventListener("click", () => editor.postMessage({ type: "run", command }));
    notice.replaceChildren(element("p", { textContent: found.notice.text }), button);
  }
}

function options(select: HTMLSelectElement, choices: readonly { value: string; label: string }[], wanted: string): void {
  select.replaceChildren(...choices.map((one) => element("option", { value: one.value, textContent: one.label })));
  select.value = choices.some((one) => one.value === wanted) ? wanted : (choices[0]?.value ?? "");
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
  children: readonly Node[] = [],
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function keptOf(state: unknown): Kept {
  const { query: asked, filters: chosenBefore, open: isOpen } = (state ?? {}) as Partial<Record<keyof Kept, unknown>>;
  return {
    query: typeof asked === "string" ? asked : "",
    filters: filtersOf(chosenBefore) ?? NO_FILTERS,
    open: isOpen === true,
  };
}

choose(kept.query);
filters.open = kept.open;
tests.checked = kept.filters.tests;
path.value = kept.filters.path;
editor.postMessage({ type: "ready" });
