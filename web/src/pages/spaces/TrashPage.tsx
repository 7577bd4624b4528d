import { useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useBulk } from "../../api/bulk.ts";
import { client } from "../../api/client.ts";
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
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { Blurhash } from "../../ui/Blurhash.tsx";
import { BulkProgress } from "../../ui/BulkProgress.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { tell } from "../../ui/toast.tsx";
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
                {t("trash.gone", { when: formatAgo(image.purgeAt, client.clock.now()) })}
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
      cell: ({ deletedAt }) => (deletedAt ? formatAgo(deletedAt, client.clock.now()) : ""),
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
  const bulk = useBulk("space", spaceId);
  const [selection, setSelection] = useState(NOTHING);
  const [purging, setPurging] = useState<readonly string[]>();
  const list = usePositionedList<DeletedImage>({
    queryKey: key,
    fetchAt: (...page) => listTrash(spaceId, ...page),
  });
  const idAt = (position: number) => list.at(position)?.id;
  const names = () => new Map(list.held().map((image) => [image.id, nameOf(image)]));
  function leaveOut(ids: string[]) {
    const gone = new Set(ids);
    edit((items) => items.filter(({ id }) => !gone.has(id)));
  }
  function change(action: "restore" | "purge", ids: readonly string[]) {
    setSelection(NOTHING);
    const restores = action === "restore";
    bulk.perform({
      action,
      ids,
      names: names(),
      one: (id) => (restores ? restoreImage(spaceId, id) : purgeImage(spaceId, id)),
      onDone: leaveOut,
      said: (count) => t(restores ? "trash.restored" : "trash.purged", { count }),
      after({ unsure }) {
        if (unsure) list.refetch();
        void queries.invalidateQueries({ queryKey: spaceKeys.allImages(spaceId) });
        void queries.invalidateQueries({ queryKey: spaceKeys.one(spaceId) });
      },
    });
  }
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  const one = purging?.length === 1 ? names().get(purging[0] ?? "") : undefined;
  return (
    <>
      {selection.ids.size > 0 && (
        <SelectionBar
          text={t("gallery.selected", { count: selection.ids.size })}
          onClear={() => setSelection(NOTHING)}
        >
          <Button icon={RotateCcw} onPress={() => change("restore", [...selection.ids])}>
            {t("trash.restore")}
          </Button>
          <Button icon={Trash2} onPress={() => setPurging([...selection.ids])}>
            {t("trash.purge")}
          </Button>
        </SelectionBar>
      )}
      <BulkProgress bulk={bulk} />
      {list.count === 0 ? (
        <Empty title={t("trash.emptyTitle")}>{t("trash.empty")}</Empty>
      ) : (
        <DataTable
          label={t("spaces.trash")}
          count={list.count}
          columns={columns(
            ({ id }) => change("restore", [id]),
            ({ id }) => setPurging([id]),
          )}
          rowAt={list.at}
          nameOf={nameOf}
          rowHeight={56}
          onRange={list.need}
          isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
          onOpen={(index) => setSelection((before) => toggle(before, index, idAt))}
          onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
          onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
          onSelectAll={() =>
            setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt))
          }
          onRemove={(index) => {
            const id = idAt(index);
            if (id) setPurging(selection.ids.size > 0 ? [...selection.ids] : [id]);
          }}
        />
      )}
      {purging && (
        <FormDialog
          title={
            one === undefined
              ? t("trash.purgeTitle", { count: purging.length })
              : t("trash.purgeName", { name: one })
          }
          submit={t("trash.purge")}
          danger
          onClose={() => setPurging(undefined)}
          onSubmit={async () => change("purge", purging)}
        >
          <p>{t("trash.purgeText", { count: purging.length })}</p>
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
