import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Images, Plus } from "lucide-react";
import { useState } from "react";
import { usePagedList } from "../../api/paged-list.ts";
import { createSpace, listSpaces, type Space, spaceKeys } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes, formatDateTime, formatNumber } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { CreateDialog } from "../../ui/CreateDialog.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { roleName } from "./roles.ts";

function columns(): Column<Space>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 3fr)",
      cell: (space) => (
        <div className="row-name">
          <Images size={18} aria-hidden />
          <strong className="clip" dir="auto">
            {space.name}
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
      id: "images",
      name: t("spaces.images"),
      width: "6rem",
      align: "end",
      cell: ({ imageCount }) => formatNumber(imageCount),
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
      width: "12rem",
      wide: true,
      cell: ({ createdAt }) => formatDateTime(createdAt),
    },
  ];
}

export function SpacesPage() {
  const [creating, setCreating] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  async function add(name: string) {
    const { id } = await createSpace(name);
    await queries.invalidateQueries({ queryKey: spaceKeys.list });
    await navigate({ to: "/spaces/$spaceId", params: { spaceId: id } });
  }
  const list = usePagedList<Space>({ queryKey: spaceKeys.list, fetchPage: listSpaces });
  const create = (
    <Button look="primary" icon={Plus} onPress={() => setCreating(true)}>
      {t("spaces.new")}
    </Button>
  );
  const open = (index: number) => {
    const space = list.at(index);
    if (space) void navigate({ to: "/spaces/$spaceId", params: { spaceId: space.id } });
  };
  return (
    <Page title={t("nav.spaces")} lead={t("spaces.lead")} actions={create} filled>
      {list.error ? (
        <Failure error={list.error} onRetry={list.refetch} />
      ) : list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={t("spaces.emptyTitle")} action={create}>
          {t("spaces.empty")}
        </Empty>
      ) : (
        <DataTable
          label={t("nav.spaces")}
          count={list.count}
          columns={columns()}
          rowAt={list.at}
          onRange={list.need}
          onOpen={open}
        />
      )}
      {creating && (
        <CreateDialog title={t("spaces.new")} onCreate={add} onClose={() => setCreating(false)} />
      )}
    </Page>
  );
}
