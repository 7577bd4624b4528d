import { useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import {
  type DeletedImage,
  emptyTrash,
  listTrash,
  purgeImage,
  restoreImage,
  spaceKeys,
} from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatAgo, formatBytes } from "../../lib/format.ts";
import { Blurhash } from "../../ui/Blurhash.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { SpaceFrame } from "./SpaceFrame.tsx";
import "./spaces.css";

const nameOf = (image: DeletedImage) => image.name || t("image.unnamed");

function columns(
  restore: (image: DeletedImage) => void,
  purge: (image: DeletedImage) => void,
): Column<DeletedImage>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 2fr)",
      cell: (image) => (
        <div className="row-name">
          <span className="trash-picture">
            {image.blurhash && <Blurhash hash={image.blurhash} />}
          </span>
          <div>
            <span className="clip" dir="auto">
              {nameOf(image)}
            </span>
            {image.purgeAt && (
              <span className="clip soft small">
                {t("trash.gone", { when: formatAgo(image.purgeAt) })}
              </span>
            )}
          </div>
        </div>
      ),
    },
    {
      id: "size",
      name: t("common.size"),
      width: "6rem",
      align: "end",
      wide: true,
      cell: ({ size }) => (size == null ? "" : formatBytes(size)),
    },
    {
      id: "deleted",
      name: t("trash.deleted"),
      width: "9rem",
      wide: true,
      cell: ({ deletedAt }) => (deletedAt ? formatAgo(deletedAt) : ""),
    },
    {
      id: "actions",
      name: "",
      width: "5.2rem",
      cell: (image) => (
        <>
          <IconButton
            icon={RotateCcw}
            label={t("trash.restoreName", { name: nameOf(image) })}
            onPress={() => restore(image)}
          />
          <IconButton
            icon={Trash2}
            label={t("trash.purgeName", { name: nameOf(image) })}
            onPress={() => purge(image)}
          />
        </>
      ),
    },
  ];
}

function Trash({ spaceId }: { spaceId: string }) {
  const key = spaceKeys.trash(spaceId);
  const edit = useListEditor<DeletedImage>(key);
  const queries = useQueryClient();
  const [purging, setPurging] = useState<DeletedImage>();
  const list = usePositionedList<DeletedImage>({
    queryKey: key,
    fetchAt: (...page) => listTrash(spaceId, ...page),
  });
  const leaveOut = (id: string) => edit((items) => items.filter((image) => image.id !== id));
  async function restore(image: DeletedImage) {
    try {
      await restoreImage(spaceId, image.id);
      leaveOut(image.id);
      tell(t("trash.restored", { name: nameOf(image) }));
      await queries.invalidateQueries({ queryKey: ["spaces", "images", spaceId] });
      await queries.invalidateQueries({ queryKey: spaceKeys.one(spaceId) });
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function purge(image: DeletedImage) {
    await purgeImage(spaceId, image.id);
    leaveOut(image.id);
    tell(t("trash.purged", { name: nameOf(image) }));
  }
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) return <Empty title={t("trash.emptyTitle")}>{t("trash.empty")}</Empty>;
  return (
    <>
      <DataTable
        label={t("spaces.trash")}
        count={list.count}
        columns={columns((image) => void restore(image), setPurging)}
        rowAt={list.at}
        rowHeight={56}
        onRange={list.need}
        onRemove={(index) => setPurging(list.at(index))}
      />
      {purging && (
        <FormDialog
          title={t("trash.purgeName", { name: nameOf(purging) })}
          submit={t("trash.purge")}
          danger
          onClose={() => setPurging(undefined)}
          onSubmit={() => purge(purging)}
        >
          <p>{t("trash.purgeText")}</p>
        </FormDialog>
      )}
    </>
  );
}

export function TrashPage() {
  const { spaceId } = useParams({ from: "/spaces/$spaceId/trash" });
  const [emptying, setEmptying] = useState(false);
  const queries = useQueryClient();
  async function empty() {
    await emptyTrash(spaceId);
    await queries.invalidateQueries({ queryKey: spaceKeys.trash(spaceId) });
    tell(t("trash.emptied"));
  }
  return (
    <SpaceFrame
      spaceId={spaceId}
      actions={() => (
        <Button icon={Trash2} onPress={() => setEmptying(true)}>
          {t("trash.emptyNow")}
        </Button>
      )}
    >
      {() => (
        <>
          <Trash spaceId={spaceId} />
          {emptying && (
            <FormDialog
              title={t("trash.emptyNow")}
              submit={t("trash.emptyNow")}
              danger
              onClose={() => setEmptying(false)}
              onSubmit={empty}
            >
              <p>{t("trash.emptyText")}</p>
            </FormDialog>
          )}
        </>
      )}
    </SpaceFrame>
  );
}
