/** What the head of the upload tray says of all uploads together. */
import type { UploadSnapshot } from "@tidegate/client";
import type { Fate } from "./fates.ts";
import { mayPassLater } from "./retry.ts";

export interface Totals {
  files: number;
  done: number;
  /** All their bytes arrived, and the server looks at them. */
  processing: number;
  /** Not sent, or rejected by the server. */
  failed: number;
  paused: number;
  /** Paused, or failed in a way that another attempt may not. */
  resumable: number;
  sent: number;
  bytes: number;
  /** Bytes a second, of all uploads that send. */
  rate: number;
}

interface Counted extends Pick<UploadSnapshot<unknown>, "state" | "progress" | "error"> {
  fate?: Fate["state"] | undefined;
}

export function totalsOf(snapshots: Iterable<Counted>): Totals {
  const totals = newTotals();
  for (const { state, progress, error, fate } of snapshots) {
    if (state === "aborted") continue;
    totals.files += 1;
    if (isResumable({ state, error })) totals.resumable += 1;
    totals.bytes += progress.total;
    totals.sent += state === "done" ? progress.total : progress.sent;
    if (state === "done") totals[countOf(fate)] += 1;
    else if (state === "failed") totals.failed += 1;
    else if (state === "paused") totals.paused += 1;
    else if (state === "uploading") totals.rate += progress.rate;
  }
  return totals;
}

const newTotals = (): Totals => ({
  files: 0,
  done: 0,
  processing: 0,
  failed: 0,
  paused: 0,
  resumable: 0,
  sent: 0,
  bytes: 0,
  rate: 0,
});

function countOf(fate: Fate["state"] | undefined) {
  if (fate === "refused") return "failed";
  return fate === "processing" ? "processing" : "done";
}

/** Whether going on with an upload can help. */
export function isResumable({
  state,
  error,
}: Pick<UploadSnapshot<unknown>, "state" | "error">): boolean {
  return state === "paused" || (state === "failed" && (!error || mayPassLater(error)));
}

/** Whether anything is still on its way. */
export function isActive(totals: Totals): boolean {
  const { files, done, processing, failed, paused } = totals;
  return done + processing + failed + paused < files;
}
