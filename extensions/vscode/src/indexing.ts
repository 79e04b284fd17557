// SPDX-License-Identifier: FSL-1.1-MIT
/** Index jobs: asked for, shown with their progress, cancelled. */

import type { IndexRequest, Job, Repository } from "@conexus/client";
import { ConexusError } from "@conexus/client";
import * as vscode from "vscode";

import type { Notices } from "./notices";
import { chooseRepository } from "./repositories_view";
import type { Session } from "./session";
import { percentOf } from "./states";
import { inNotification } from "./text";
import { requireTrust } from "./trust";

const DONE_MS = 6_000;

/** Has the daemon index folders. */
export class Indexing {
  readonly #session: Session;
  readonly #notices: Notices;

  constructor(session: Session, notices: Notices) {
    this.#session = session;
    this.#notices = notices;
  }

  /** Indexes the folders of the workspace, or some of them, one after the other. */
  async workspace(only: readonly string[] = this.#session.folders): Promise<void> {
    requireTrust();
    const folders = this.#session.folders.filter((folder) => only.includes(folder));
    if (folders.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Open a folder first: there is nothing to index."));
      return;
    }
    for (const path of folders) {
      if (!(await this.index({ path }, path.split("/").at(-1) ?? path))) {
        return;
      }
    }
  }

  /** Indexes one of what is indexed again: that which a row stands for, or which is chosen. */
  async again(given: unknown): Promise<void> {
    requireTrust();
    const one = await chooseRepository(this.#session, vscode.l10n.t("Which repository is indexed again?"), given);
    if (one) {
      await this.index(one.root && !one.ref ? { path: one.root } : { repository: one.repository, ref: one.ref }, one.name);
    }
  }

  /** Indexes one tree, with progress that can be cancelled. Returns whether it was done. */
  async index(request: IndexRequest, name: string): Promise<boolean> {
    requireTrust();
    const options = {
      location: vscode.ProgressLocation.Notification,
      cancellable: true,
      title: vscode.l10n.t("Conexus: indexing {0}", inNotification(name, 80)),
    };
    try {
      const job = await this.#session.ask("index", (client) => client.index(request));
      this.#session.noteJob(job);
      const ended = await vscode.window.withProgress(options, (progress, token) => this.#follow(job, progress, token));
      this.#session.noteJob(ended);
      await this.#session.refresh();
      return this.#tell(ended, name);
    } catch (error) {
      await this.#notices.error(error);
      return false;
    }
  }

  /** Stops what waits or runs: that of the row it is asked for on, else all. What is done is kept. */
  async cancelAsked(given: unknown): Promise<void> {
    const all = [...this.#session.known.jobs.values()];
    const root = (given as Partial<Repository & Job> | null | undefined)?.root;
    const meant = typeof root === "string" ? all.filter((job) => job.root === root) : all;
    if (meant.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Nothing is being indexed."));
    }
    await this.cancel(meant);
  }

  /** Stops jobs. */
  async cancel(jobs: Iterable<Job>): Promise<void> {
    for (const { id } of jobs) {
      await this.#session.ask("cancel", (client) => client.cancel(id));
    }
  }

  async #follow(
    job: Job,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    token: vscode.CancellationToken,
  ): Promise<Job> {
    token.onCancellationRequested(() => void this.cancel([job]).catch((error: unknown) => this.#notices.error(error)));
    let last = job;
    let shown = 0;
    await this.#session.ask("follow", async (client) => {
      for await (const now of client.follow(job.id)) {
        last = now;
        this.#session.noteJob(now);
        const percent = percentOf(now) ?? 0;
        progress.report({ message: progressText(now), increment: Math.max(0, percent - shown) });
        shown = Math.max(shown, percent);
      }
    });
    return last;
  }

  #tell(job: Job, name: string): boolean {
    const shown = inNotification(name, 80);
    if (job.state === "failed" && job.error) {
      throw new ConexusError(job.error.code, job.error.message, { hint: job.error.hint, details: job.error.details });
    }
    if (job.state === "cancelled") {
      vscode.window.setStatusBarMessage(vscode.l10n.t("Indexing {0} was cancelled; what was done is kept.", shown), DONE_MS);
      return false;
    }
    const files = job.report?.files_total ?? 0;
    const text = files === 1 ? vscode.l10n.t("{0} is indexed: 1 file", shown) : vscode.l10n.t("{0} is indexed: {1} files", shown, files);
    vscode.window.setStatusBarMessage(text, DONE_MS);
    if (job.report?.notice) {
      void vscode.window.showInformationMessage(inNotification(job.report.notice));
    }
    return true;
  }
}

function progressText(job: Job): string {
  const { progress } = job;
  if (job.state === "queued") {
    return vscode.l10n.t("waiting");
  }
  if (!progress || progress.files_total === 0) {
    return vscode.l10n.t("looking for files");
  }
  const left = progress.eta_s === null ? "" : vscode.l10n.t(", {0} s left", Math.ceil(progress.eta_s));
  return vscode.l10n.t("{0} of {1} files", progress.files_done, progress.files_total) + left;
}
