/** What the head of the upload tray says of all uploads together. */
import type { UploadSnapshot } from "@tidegate/client";

export interface Totals {
  files: number;
  done: number;
  failed: number;
  paused: number;
  sent: number;
  bytes: number;
  /** Bytes a second, of all uploads that send. */
  rate: number;
}

type Counted = Pick<UploadSnapshot<unknown>, "state" | "progress">;

export function totalsOf(snapshots: Iterable<Counted>): Totals {
  const totals: Totals = { files: 0, done: 0, failed: 0, paused: 0, sent: 0, bytes: 0, rate: 0 };
  for (const { state, progress } of snapshots) {
    if (state === "aborted") continue;
    totals.files += 1;
    totals.bytes += progress.total;
    totals.sent += state === "done" ? progress.total : progress.sent;
    if (state === "done") totals.done += 1;
    else if (state === "failed") totals.failed += 1;
    else if (state === "paused") totals.paused += 1;
    else if (state === "uploading") totals.rate += progress.rate;
  }
  return totals;
}

/** Whether anything is still on its way. */
export function isActive(totals: Totals): boolean {
  return totals.done + totals.failed + totals.paused < totals.files;
}
