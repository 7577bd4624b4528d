import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { IMAGE_TYPES } from "@tidegate/client";
import { Trash2, Upload } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { useBulk } from "../../api/bulk.ts";
import { deleteImage, restoreImage, type Space, spaceKeys } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { filesOfInput } from "../../lib/dropped-files.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { BulkProgress } from "../../ui/BulkProgress.tsx";
import { Button } from "../../ui/Button.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { VirtualGrid } from "../../ui/VirtualGrid.tsx";
import { uploads } from "../../uploads/index.ts";
import { Lightbox } from "./Lightbox.tsx";
import { mayEdit } from "./roles.ts";
import { SpaceFrame } from "./SpaceFrame.tsx";
import { Tile } from "./Tile.tsx";
import { useGallery } from "./use-gallery.ts";
import "./spaces.css";

const STATUSES = ["READY", "ALL", "PENDING", "SCANNING", "PROCESSING", "REJECTED", "FAILED"];

const statusChoices = () =>
  STATUSES.map((id) => ({
    id,
    name:
      id === "READY"
        ? t("gallery.published")
        : id === "ALL"
          ? t("gallery.all")
          : t(`status.${id.toLowerCase()}` as "status.pending"),
  }));

/** A dialog that closes puts the keyboard back where it came from within a frame. */
function afterDialog(act: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(act));
}

function UploadButton({ space }: { space: Space }) {
  return (
    <FileTrigger
      acceptedFileTypes={IMAGE_TYPES}
      allowsMultiple
      onSelect={(files) => files && uploads.addToSpace(space, filesOfInput(files))}
    >
      <Button look="primary" icon={Upload}>
        {t("upload.choose")}
      </Button>
    </FileTrigger>
  );
}

function Gallery({ space }: { space: Space }) {
  const search = useSearch({ from: "/spaces/$spaceId" });
  const navigate = useNavigate({ from: "/spaces/$spaceId" });
  const queries = useQueryClient();
  const status = search.status && STATUSES.includes(search.status) ? search.status : "READY";
  const { list, keeper, leaveOut } = useGallery(space.id, status);
  const bulk = useBulk("space", space.id);
  const [selection, setSelection] = useState(NOTHING);
  const [tile, setTile] = useState(220);
  const [lastOpen, setLastOpen] = useState<number | null>(null);
  const leftAt = useRef(-1);
  useEffect(() => {
    if (search.image || leftAt.current < 0) return;
    const position = leftAt.current;
    leftAt.current = -1;
    afterDialog(() => setLastOpen(position));
  }, [search.image]);
  const editable = mayEdit(space.role);
  const idAt = useCallback((position: number) => list.at(position)?.id, [list.at]);
  const show = (image: string | undefined, replaced = false) =>
    void navigate({ search: (before) => ({ ...before, image }), replace: replaced });

  const names = () =>
    new Map(list.held().map(({ id, name }) => [id, name || t("image.unnamed")] as const));
  function afterChange({ unsure }: { unsure: boolean }) {
    if (unsure) list.refetch();
    void queries.invalidateQueries({ queryKey: spaceKeys.one(space.id) });
    void queries.invalidateQueries({ queryKey: spaceKeys.trash(space.id) });
  }
  function remove(ids: ReadonlySet<string>) {
    setSelection(NOTHING);
    bulk.perform({
      action: "delete",
      ids: [...ids],
      names: names(),
      one: (id) => deleteImage(space.id, id),
      onDone: (done) => leaveOut(new Set(done)),
      said: (count) => t("gallery.deleted", { count }),
      undo: restore,
      after: afterChange,
    });
  }
  function restore(ids: string[]) {
    bulk.perform({
      action: "restore",
      ids,
      names: names(),
      one: (id) => restoreImage(space.id, id),
      said: (count) => t("trash.restored", { count }),
      after(outcome) {
        afterChange(outcome);
        void queries.invalidateQueries({ queryKey: spaceKeys.allImages(space.id) });
      },
    });
  }

  const openPosition = useMemo(
    () => (search.image ? list.find(({ id }) => id === search.image) : -1),
    [search.image, list.find],
  );
  const open = search.image !== undefined;
  /** Position whose image is shown as soon as it is known which one it is. */
  const [wanted, setWanted] = useState<number | null>(null);
  useEffect(() => {
    if (wanted === null) return;
    const id = idAt(wanted);
    if (id === undefined && open) return;
    setWanted(null);
    if (id !== undefined && open) show(id, true);
  });
  // What lies beside the shown image is read ahead.
  useEffect(() => {
    if (openPosition >= 0) list.need(openPosition - 1, openPosition + 1);
  }, [openPosition, list.need]);

  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  return (
    <DropArea enabled={editable} onDrop={(files) => uploads.addToSpace(space, files)}>
      {selection.ids.size > 0 ? (
        <SelectionBar
          text={t("gallery.selected", { count: selection.ids.size })}
          onClear={() => setSelection(NOTHING)}
        >
          {editable && (
            <Button icon={Trash2} onPress={() => remove(selection.ids)}>
              {t("common.delete")}
            </Button>
          )}
        </SelectionBar>
      ) : (
        <div className="toolbar">
          <Select
            compact
            label={t("gallery.filter")}
            choices={statusChoices()}
            value={status}
            onChange={(value) =>
              void navigate({ search: { status: value === "READY" ? undefined : value } })
            }
          />
        </div>
      )}
      <BulkProgress bulk={bulk} />
      {list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={status === "READY" ? t("gallery.emptyTitle") : t("gallery.noneTitle")}>
          {status === "READY" && editable ? t("gallery.empty") : t("gallery.none")}
        </Empty>
      ) : (
        <VirtualGrid
          label={t("gallery.label", { name: space.name })}
          count={list.count}
          columnWidth={150}
          gap={10}
          rowHeight={(width) => {
            if (Math.abs(width - tile) > 1) queueMicrotask(() => setTile(width));
            return width;
          }}
          onRange={list.need}
          isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
          onOpen={(index) => {
            setLastOpen(null);
            show(idAt(index));
          }}
          onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
          onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
          onSelectAll={() =>
            setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt))
          }
          onRemove={
            editable
              ? (index) => {
                  const id = idAt(index);
                  if (id) remove(selection.ids.size > 0 ? selection.ids : new Set([id]));
                }
              : undefined
          }
          position={lastOpen}
          renderItem={({ index }) => {
            const image = list.at(index);
            return (
              <Tile
                image={image}
                width={tile}
                selected={image !== undefined && selection.ids.has(image.id)}
                selecting={selection.ids.size > 0}
                onToggle={() => setSelection((before) => toggle(before, index, idAt))}
                keeper={keeper}
              />
            );
          }}
        />
      )}
      {search.image && (
        <Lightbox
          space={space}
          imageId={search.image}
          known={openPosition >= 0 ? list.at(openPosition) : undefined}
          position={openPosition}
          count={list.count}
          editable={editable}
          keeper={keeper}
          onMove={(position) => {
            list.need(position - 1, position + 1);
            setWanted(position);
          }}
          onRemove={(id) => {
            const next = idAt(openPosition + 1) ?? idAt(openPosition - 1);
            remove(new Set([id]));
            show(next, true);
          }}
          onClose={() => {
            leftAt.current = openPosition;
            show(undefined);
          }}
        />
      )}
    </DropArea>
  );
}

export function GalleryPage() {
  const { spaceId } = useParams({ from: "/spaces/$spaceId" });
  return (
    <SpaceFrame
      spaceId={spaceId}
      actions={(space) => (mayEdit(space.role) ? <UploadButton space={space} /> : null)}
    >
      {(space) => <Gallery key={space.id} space={space} />}
    </SpaceFrame>
  );
}
