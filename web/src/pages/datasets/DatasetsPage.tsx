import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Database, Plus } from "lucide-react";
import { useState } from "react";
import { createDataset, type Dataset, datasetKeys, listDatasets } from "../../api/datasets.ts";
import { usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { DATASET_NAME_BYTES } from "../../lib/fit-name.ts";
import { formatBytes, formatDateTime, formatNumber } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { CreateDialog } from "../../ui/CreateDialog.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { roleName } from "../spaces/roles.ts";

function columns(): Column<Dataset>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 3fr)",
      cell: ({ name }) => (
        <div className="row-name">
          <Database size={18} aria-hidden />
          <strong className="clip" dir="auto">
            {name}
          </strong>
        </div>
      ),
    },
    {
      id: "role",
      name: t("spaces.role"),
      width: "7rem",
      wide: true,
      cell: ({ role }) => (role ? <Badge>{roleName(role)}</Badge> : null),
    },
    {
      id: "objects",
      name: t("datasets.objects"),
      width: "6rem",
      align: "end",
      cell: ({ objects }) => formatNumber(objects),
    },
    {
      id: "size",
      name: t("common.size"),
      width: "6rem",
      align: "end",
      wide: true,
      cell: ({ bytes }) => formatBytes(bytes),
    },
    {
      id: "created",
      name: t("common.created"),
      width: "11.5rem",
      wide: true,
      cell: ({ createdAt }) => formatDateTime(createdAt),
    },
  ];
}

export function DatasetsPage() {
  const navigate = useNavigate();
  const [creating, setCreating] = useState(false);
  const queries = useQueryClient();
  async function add(name: string) {
    const { id } = await createDataset(name);
    await queries.invalidateQueries({ queryKey: datasetKeys.list });
    await navigate({ to: "/datasets/$datasetId", params: { datasetId: id } });
  }
  const list = usePagedList<Dataset>({ queryKey: datasetKeys.list, fetchPage: listDatasets });
  const button = (
    <Button look="primary" icon={Plus} onPress={() => setCreating(true)}>
      {t("datasets.new")}
    </Button>
  );
  return (
    <Page title={t("nav.datasets")} lead={t("datasets.lead")} actions={button} filled>
      {list.error && list.loaded === 0 ? (
        <Failure error={list.error} onRetry={list.refetch} />
      ) : list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={t("datasets.emptyTitle")} action={button}>
          {t("datasets.empty")}
        </Empty>
      ) : (
        <DataTable
          label={t("nav.datasets")}
          count={list.count}
          columns={columns()}
          rowAt={list.at}
          onRange={list.need}
          onOpen={(index) => {
            const dataset = list.at(index);
            if (!dataset) return;
            void navigate({ to: "/datasets/$datasetId", params: { datasetId: dataset.id } });
          }}
        />
      )}
      {creating && (
        <CreateDialog
          title={t("datasets.new")}
          most={DATASET_NAME_BYTES}
          onCreate={add}
          onClose={() => setCreating(false)}
        />
      )}
    </Page>
  );
}
