import { useParams } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { datasetKeys, listChanges, type PackageChange } from "../../api/datasets.ts";
import { usePagedList } from "../../api/paged-list.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";
import { formatInstant } from "../../lib/format.ts";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { DatasetFrame } from "./DatasetFrame.tsx";
import "./datasets.css";

const EVENTS: Record<string, MessageId> = {
  CREATE_PACKAGE: "change.created",
  DELETE_PACKAGE: "change.deleted",
  RESTORE_PACKAGE: "change.restored",
  RESTORE_FAILED: "change.restoreFailed",
  PURGE_PACKAGE: "change.purged",
};

function columns(): Column<PackageChange>[] {
  return [
    {
      id: "event",
      name: t("change.event"),
      width: "8.5rem",
      cell: ({ event }) => {
        const id = EVENTS[event];
        return id ? t(id) : event;
      },
    },
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 1fr)",
      cell: ({ name, originalName }) => (
        <span className="change-names">
          {originalName && originalName !== name && (
            <>
              <s className="soft clip" dir="auto">
                {originalName}
              </s>
              <ArrowRight size={15} aria-label={t("change.renamed")} />
            </>
          )}
          <span className="clip" dir="auto">
            {name}
          </span>
        </span>
      ),
    },
    {
      id: "by",
      name: t("common.by"),
      width: "10rem",
      wide: true,
      cell: ({ by }) => <span dir="auto">{by}</span>,
    },
    {
      id: "at",
      name: t("common.time"),
      width: "13rem",
      wide: true,
      cell: ({ at }) => formatInstant(at),
    },
  ];
}

function Changes({ datasetId }: { datasetId: string }) {
  const list = usePagedList<PackageChange>({
    queryKey: datasetKeys.changes(datasetId),
    fetchPage: (cursor, signal) => listChanges(datasetId, cursor, signal),
  });
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) return <Empty title={t("change.none")} />;
  return (
    <DataTable
      label={t("datasets.changes")}
      count={list.count}
      columns={columns()}
      rowAt={list.at}
      onRange={list.need}
    />
  );
}

export function ChangesPage() {
  const { datasetId } = useParams({ from: "/datasets/$datasetId/changes" });
  return (
    <DatasetFrame datasetId={datasetId}>{() => <Changes datasetId={datasetId} />}</DatasetFrame>
  );
}
