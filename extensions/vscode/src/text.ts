// SPDX-License-Identifier: FSL-1.1-MIT
/** Makes text of indexed files and of the daemon safe to show. Pure. */

/** What is not seen, or turns the direction of what is: controls, bidi marks, invisible and private characters. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;
const LINE = /[\n\r\t]/g;
const ICON = /\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/g;

/** Returns a text whose controls, bidi marks and invisible characters are seen, as `<U+202E>`. Tabs and line ends stay. */
export function visible(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(UNSEEN, (found) => `<U+${hex(found)}>`);
}

/** As {@link visible}, in one line of at most `most` characters. */
export function inLine(text: string, most = 300): string {
  const one = visible(text).replace(LINE, " ");
  return one.length > most ? `${one.slice(0, most - 1)}…` : one;
}

/** As {@link inLine}, for places where the editor turns `$(name)` into an icon: labels of lists and of the status bar. */
export function inLabel(text: string, most = 300): string {
  return inLine(text, most).replace(ICON, "\\$&");
}

/** As {@link inLine}, for notifications, in which the editor turns `[text](target)` into links. */
export function inNotification(text: string, most = 500): string {
  return inLine(text, most).replace(/\]\(/g, "] (");
}

/** Returns a message with what to do about it, as two sentences. */
export function joined(message: string, hint: string): string {
  const isEnded = /[.!?:…。！？]$/.test(message.trim());
  return [message.trim() + (hint && message && !isEnded ? "." : ""), hint.trim()].filter(Boolean).join(" ");
}

function hex(found: string): string {
  return (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
