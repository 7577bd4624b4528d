/** Actions on many objects: started, followed and reported for all pages that have such. */
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { t } from "../i18n/i18n.ts";
import { session } from "../session/index.ts";
import { usePrincipal } from "../session/use-principal.ts";
import { failedTitle } from "../ui/BulkProgress.tsx";
import { tell, tellFailure } from "../ui/toast.tsx";
import {
  type BulkKind,
  type BulkOutcome,
  type BulkRun,
  BulkRuns,
  type BulkTarget,
  type BulkWork,
} from "./bulk-runs.ts";
import { api, take } from "./client.ts";

const runs = new BulkRuns({
  async start({ kind, owner }, action, ids) {
    return (await take(api.POST("/v1/bulk", { body: { kind, owner, action, ids } }))).id;
  },
  read: (id, signal) =>
    take(api.GET("/v1/bulk/{id}", { params: { path: { id } }, signal, cache: "no-store" })),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
});

session.subscribe(() => {
  if (session.state.signIn === null) runs.clear();
});

export interface PageWork extends Omit<BulkWork, "place" | "target"> {
  /** Says that so many were done. */
  said: (count: number) => string;
  /** Takes it back for what was done. */
  undo?: (ids: string[]) => void;
  /** Called at the end, also if not all was done. */
  after?: (outcome: BulkOutcome) => void;
}

export interface Bulk {
  /** What goes on here, and what failed here and was not read yet. */
  runs: readonly BulkRun[];
  perform: (work: PageWork) => void;
  dismiss: (id: number) => void;
}

async function perform(work: BulkWork & PageWork, isSeen: () => boolean): Promise<void> {
  const { action, said, undo, after } = work;
  const { done, failedTotal, stopped, unsure, aborted } = await runs.perform(work);
  if (aborted) return;
  if (stopped !== undefined) tellFailure(stopped);
  // Who is on the page reads there which ones failed, and why.
  if (failedTotal > 0 && !isSeen()) tellFailure(failedTitle(action, failedTotal));
  if (done.length > 0) {
    const back = undo && { name: t("common.undo"), run: () => undo(done) };
    tell(said(done.length), back);
  }
  after?.({ done, failedTotal, stopped, unsure, aborted });
}

/** The actions on objects of an owner. Without `owner` they are those of the signed-in user. */
export function useBulk(kind: BulkKind, owner?: string): Bulk {
  const name = usePrincipal()?.name;
  const place = `${kind} ${owner ?? ""}`;
  const all = useSyncExternalStore(runs.subscribe, runs.snapshot);
  const here = useMemo(() => all.filter((run) => run.place === place), [all, place]);
  const seen = useRef(false);
  useEffect(() => {
    seen.current = true;
    return () => {
      seen.current = false;
    };
  }, []);
  const start = useCallback(
    (work: PageWork) => {
      // The server starts no job for somebody who is not signed in.
      const target: BulkTarget | null = name ? { kind, owner: owner ?? name } : null;
      void perform({ ...work, place, target }, () => seen.current);
    },
    [name, kind, owner, place],
  );
  const dismiss = useCallback((id: number) => runs.dismiss(id), []);
  return { runs: here, perform: start, dismiss };
}
