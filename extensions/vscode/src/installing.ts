// SPDX-License-Identifier: FSL-1.1-MIT
/** The command that installs Conexus into an environment of its own. Pure. */

/** Returns a command for a POSIX shell: makes the environment, and installs the package into it. */
export function installCommand(python: string, folder: string, wanted: string): string {
  return [
    `${quoted(python || "python3")} -m venv ${quoted(folder)}`,
    `${quoted(`${folder}/bin/python`)} -m pip install --upgrade ${quoted(wanted)}`,
  ].join(" && ");
}

/** Whether a text may be given to pip: a name with a version, or an absolute path. Options of pip are none. */
export function isInstallable(wanted: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._-]+\])?(?:[=<>!~]=?[A-Za-z0-9.*+!,<>=~-]+)?$/.test(wanted) || /^\/[^\0\n\r]+$/.test(wanted);
}

/** Returns a word of a shell that means a text. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=+-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
}
