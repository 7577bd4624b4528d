import { RotateCcw } from "lucide-react";
import { useState } from "react";
import { adminKeys, type DeadJob, listDeadJobs, retryJob } from "../../api/admin.ts";
import { client } from "../../api/client.ts";
import { useListEditor, usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { forEachId } from "../../lib/each.ts";
import { formatAgo, formatInstant, formatNumber } from "../../lib/format.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { Queues } from "./Queues.tsx";
import "./admin.css";

/** The kind of a job: the one name of the object that describes it, or its text. */
export function jobName(job: unknown): string {
  if (typeof job === "string") return job;
  if (typeof job !== "object" || job === null) return JSON.stringify(job);
  const { kind, type, job: name } = job as Record<string, unknown>;
  const named = [kind, type, name].find((value) => typeof value === "string");
  return typeof named === "string" ? named : (Object.keys(job)[0] ?? "");
}

function columns(onRetry: (job: DeadJob) => void): Column<DeadJob>[] {
  return [
    {
      id: "job",
      name: t("jobs.job"),
      width: "minmax(0, 1fr)",
      cell: ({ job }) => <code>{jobName(job)}</code>,
    },
    {
      id: "error",
      name: t("jobs.error"),
      width: "minmax(0, 2fr)",
      wide: true,
      cell: ({ lastError }) => <span className="job-error">{lastError}</span>,
    },
    {
      id: "attempts",
      name: t("jobs.attempts"),
      width: "5.5rem",
      align: "end",
      wide: true,
      cell: ({ attempts }) => formatNumber(attempts),
    },
    {
      id: "created",
      name: t("common.created"),
      width: "8rem",
      cell: ({ createdAt }) => formatAgo(createdAt, client.clock.now()),
    },
    {
      id: "retry",
      name: "",
      width: "2.75rem",
      cell: (job) => (
        <IconButton
          icon={RotateCcw}
          label={t("jobs.retryName", { job: jobName(job.job), id: job.id })}
          onPress={() => onRetry(job)}
        />
      ),
    },
  ];
}

function JobDialog({ job, onClose }: { job: DeadJob; onClose: () => void }) {
  return (
    <Dialog title={jobName(job.job)} onClose={onClose} wide>
      <dl className="facts">
        <dt>{t("jobs.id")}</dt>
        <dd>{job.id}</dd>
        <dt>{t("common.created")}</dt>
        <dd>{formatInstant(job.createdAt)}</dd>
        <dt>{t("jobs.attempts")}</dt>
        <dd>{formatNumber(job.attempts)}</dd>
        <dt>{t("jobs.error")}</dt>
        <dd className="job-error">{job.lastError}</dd>
      </dl>
      <pre className="job-text">{JSON.stringify(job.job, null, 2)}</pre>
    </Dialog>
  );
}

/** Work that was given up. */
function DeadJobs() {
  const edit = useListEditor<DeadJob>(adminKeys.jobs);
  const [selection, setSelection] = useState(NOTHING);
  const [open, setOpen] = useState<DeadJob>();
  const list = usePagedList<DeadJob>({ queryKey: adminKeys.jobs, fetchPage: listDeadJobs });
  const idAt = (position: number) => list.at(position)?.id.toString();
  async function retry(ids: ReadonlySet<string>) {
    const { done, failure } = await forEachId(ids, (id) => retryJob(Number(id)));
    const retried = new Set(done);
    if (failure !== undefined) tellFailure(failure);
    if (retried.size > 0) tell(t("jobs.retried", { count: retried.size }));
    setSelection(NOTHING);
    edit((items) => items.filter(({ id }) => !retried.has(String(id))));
  }
  return (
    <>
      {list.error && list.loaded === 0 ? (
        <Failure error={list.error} onRetry={list.refetch} />
      ) : list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={t("jobs.emptyTitle")}>{t("jobs.empty")}</Empty>
      ) : (
        <>
          {selection.ids.size > 0 && (
            <SelectionBar
              text={t("jobs.selected", { count: selection.ids.size })}
              onClear={() => setSelection(NOTHING)}
            >
              <Button icon={RotateCcw} onPress={() => void retry(selection.ids)}>
                {t("common.tryAgain")}
              </Button>
            </SelectionBar>
          )}
          <div className="boxed-table">
            <DataTable
              label={t("jobs.failed")}
              count={list.count}
              columns={columns((job) => void retry(new Set([String(job.id)])))}
              rowAt={list.at}
              nameOf={({ job, id }) => `${jobName(job)} ${id}`}
              onRange={list.need}
              isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
              onOpen={(index) => setOpen(list.at(index))}
              onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
              onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
              onSelectAll={() =>
                setSelection(extend({ ids: new Set(), anchor: 0 }, list.loaded - 1, idAt))
              }
            />
          </div>
        </>
      )}
      {open && <JobDialog job={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

export function JobsPage() {
  return (
    <Page title={t("nav.jobs")} lead={t("jobs.lead")}>
      <Queues />
      <h2>{t("jobs.failed")}</h2>
      <p className="soft">{t("jobs.failedText")}</p>
      <DeadJobs />
    </Page>
  );
}
