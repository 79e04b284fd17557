// SPDX-License-Identifier: FSL-1.1-MIT
/** Lines that seem to define something, for languages that the editor has no symbols of. Pure. */

/** A line that seems to define a name. */
export interface Outlined {
  name: string;
  /** From 0. */
  line: number;
}

const KEYWORDS = "def|class|function\\*?|func|fn|fun|sub|interface|struct|trait|enum|module|proc|method|type";
const MODIFIERS = "(?:(?:export|default|public|private|protected|internal|static|abstract|final|async|override|pub(?:\\([^)]*\\))?|unsafe|const|virtual|sealed|data|open)\\s+)*";
const DEFINITION = new RegExp(`^\\s*${MODIFIERS}(?:${KEYWORDS})\\s+(?:\\([^)]*\\)\\s*)?(?:self\\.)?([\\p{L}_$][\\p{L}\\p{N}_$]*)`, "u");
const MOST_LINE_CHARS = 500;

/** Returns such lines, in order. Comments and texts may be among them: who shows them asks the index about each. */
export function outline(lines: readonly string[]): Outlined[] {
  return lines.flatMap((text, line) => {
    const name = text.length <= MOST_LINE_CHARS ? DEFINITION.exec(text)?.[1] : undefined;
    return name === undefined ? [] : [{ name, line }];
  });
}
