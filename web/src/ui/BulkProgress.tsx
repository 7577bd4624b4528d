/** Actions on many objects as they go on, and which objects failed and why. */
import { TidegateError } from "@tidegate/client";
import { X } from "lucide-react";
import type { Bulk } from "../api/bulk.ts";
import type { BulkAction, BulkRun, NamedFailure } from "../api/bulk-runs.ts";
import { t } from "../i18n/i18n.ts";
import { IconButton } from "./Button.tsx";
import { messageOf } from "./errors.ts";
import { ProgressBar } from "./ProgressBar.tsx";
import "./selection.css";
import "./bulk.css";

function doingText({ action, done, total }: BulkRun): string {
  if (action === "delete") return t("bulk.deleting", { done, total });
  return t(action === "restore" ? "bulk.restoring" : "bulk.purging", { done, total });
}

/** Says that so many objects failed. */
export function failedTitle(action: BulkAction, count: number): string {
  if (action === "delete") return t("bulk.notDeleted", { count });
  return t(action === "restore" ? "bulk.notRestored" : "bulk.notPurged", { count });
}

function reasonOf({ code, message }: NamedFailure): string {
  return messageOf(new TidegateError("invalid", code, message)) || code;
}

function Running({ run }: { run: BulkRun }) {
  const { done, total, unsent } = run;
  const text = doingText(run);
  return (
    <div className="selection-bar bulk">
      <div className="bulk-words">
        <strong className="number">{text}</strong>
        <span className="soft small" role="status">
          {unsent > 0 ? t("bulk.keepTab", { count: unsent }) : t("bulk.mayLeave")}
        </span>
      </div>
      <ProgressBar label={t("bulk.progress")} value={total > 0 ? done / total : 0} text={text} />
    </div>
  );
}

function Failed({ run, onClose }: { run: BulkRun; onClose: () => void }) {
  const { action, failures, failedTotal } = run;
  const title = failedTitle(action, failedTotal);
  return (
    <section className="bulk-failed" aria-label={title}>
      <header>
        <strong role="alert">{title}</strong>
        <IconButton icon={X} label={t("common.close")} onPress={onClose} />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls is scrolled by keyboard */}
      <ul tabIndex={0} aria-label={title}>
        {failures.map((failure) => (
          <li key={failure.id}>
            <strong dir="auto">{failure.name}</strong>
            <span>{reasonOf(failure)}</span>
          </li>
        ))}
        {failedTotal > failures.length && (
          <li className="soft">{t("bulk.moreFailed", { count: failedTotal - failures.length })}</li>
        )}
      </ul>
    </section>
  );
}

export function BulkProgress({ bulk }: { bulk: Bulk }) {
  return bulk.runs.map((run) => {
    if (run.over) return <Failed key={run.id} run={run} onClose={() => bulk.dismiss(run.id)} />;
    return run.quiet ? null : <Running key={run.id} run={run} />;
  });
}
