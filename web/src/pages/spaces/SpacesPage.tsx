import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { usePagedList } from "../../api/paged-list.ts";
import { createSpace, listSpaces, type Space, spaceKeys } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { SPACE_NAME_BYTES } from "../../lib/fit-name.ts";
import { Button } from "../../ui/Button.tsx";
import { CreateDialog } from "../../ui/CreateDialog.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { VirtualGrid } from "../../ui/VirtualGrid.tsx";
import { cardHeight, SpaceCard } from "./SpaceCard.tsx";

export function SpacesPage() {
  const [creating, setCreating] = useState(false);
  const [card, setCard] = useState(280);
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
        <VirtualGrid
          label={t("nav.spaces")}
          count={list.count}
          columnWidth={240}
          gap={16}
          rowHeight={(width) => {
            if (Math.abs(width - card) > 1) queueMicrotask(() => setCard(width));
            return cardHeight(width);
          }}
          onRange={list.need}
          onOpen={open}
          renderItem={({ index }) => <SpaceCard space={list.at(index)} width={card} />}
        />
      )}
      {creating && (
        <CreateDialog
          title={t("spaces.new")}
          most={SPACE_NAME_BYTES}
          onCreate={add}
          onClose={() => setCreating(false)}
        />
      )}
    </Page>
  );
}
