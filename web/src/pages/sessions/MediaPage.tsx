import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { MEDIA_TYPES } from "@tidegate/client";
import { Trash2, Upload } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { useBulk } from "../../api/bulk.ts";
import { useServerEvents } from "../../api/events.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import {
  deleteMedia,
  getMedia,
  listMedia,
  MEDIA_STATUSES,
  type Media,
  type MediaStatus,
  mediaUrls,
  restoreMedia,
  STAGES,
  sessionKeys,
  urlsOf,
} from "../../api/sessions.ts";
import { refreshSoon } from "../../app/refresh-soon.ts";
import { t } from "../../i18n/i18n.ts";
import { type DroppedFile, filesOfInput } from "../../lib/dropped-files.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { statusName } from "../../ui/Badge.tsx";
import { BulkProgress } from "../../ui/BulkProgress.tsx";
import { Button } from "../../ui/Button.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page, Parent } from "../../ui/Page.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { VirtualGrid } from "../../ui/VirtualGrid.tsx";
import { fates } from "../../uploads/fates.ts";
import { uploads } from "../../uploads/index.ts";
import { MediaDialog } from "./MediaDialog.tsx";
import { MediaTile, mediaName } from "./MediaTile.tsx";
import { stageName } from "./stages.ts";
import "./media.css";

const CAPTION = 58;

function useMedia(sessionId: string, status: MediaStatus | "ALL") {
  const queryKey = sessionKeys.media(sessionId, status);
  const edit = useListEditor<Media>(queryKey);
  const queries = useQueryClient();
  const readSoon = useMemo(() => refreshSoon(queries), [queries]);
  const keeper = useMemo(() => mediaUrls(sessionId), [sessionId]);
  useEffect(() => () => keeper.close(), [keeper]);
  const list = usePositionedList<Media>({
    queryKey,
    async fetchAt(...at) {
      const page = await listMedia(sessionId, status, ...at);
      if (page.urls) keeper.put(page.urls);
      return page;
    },
  });
  function leaveOut(ids: readonly string[]) {
    const gone = new Set(ids);
    edit((items) => {
      const left = items.filter(({ id }) => !gone.has(id));
      return left.length === items.length ? items : left;
    });
  }
  async function refresh(id: string) {
    const media = await getMedia(sessionId, id);
    fates.seen(id, media);
    queries.setQueryData(sessionKeys.item(sessionId, id), media);
    // What was put earlier has no picture if the item was not published yet.
    keeper.put(urlsOf([media]));
    let found = false;
    edit((items) => {
      const at = items.findIndex((one) => one.id === id);
      if (at === -1) return items;
      found = true;
      return items.with(at, media);
    });
    if (found || (status !== "ALL" && media.status !== status)) return;
    let placed = false;
    edit((items, isFirst) => {
      if (!isFirst) return items;
      placed = true;
      return [media, ...items];
    });
    // Its place is in a part of the list that is not loaded.
    if (!placed) readSoon(queryKey);
  }
  useServerEvents(`/v1/sessions/${encodeURIComponent(sessionId)}/media/events`, {
    onEvent(data) {
      const { mediaId } = JSON.parse(data) as { mediaId: string };
      void refresh(mediaId).catch(() => leaveOut([mediaId]));
    },
    onGap: list.refetch,
  });
  return { list, keeper, leaveOut };
}

export function MediaPage() {
  const { sessionId } = useParams({ from: "/sessions/$sessionId" });
  const search = useSearch({ from: "/sessions/$sessionId" });
  const navigate = useNavigate({ from: "/sessions/$sessionId" });
  const status = MEDIA_STATUSES.find((known) => known === search.status) ?? "ALL";
  const [stage, setStage] = useState<string>("general");
  const { list, keeper, leaveOut } = useMedia(sessionId, status);
  const queries = useQueryClient();
  const bulk = useBulk("session", sessionId);
  const [selection, setSelection] = useState(NOTHING);
  const [tile, setTile] = useState(240);
  const { at, find } = list;
  const open = useMemo(
    () => (search.media ? at(find(({ id }) => id === search.media)) : undefined),
    [at, find, search.media],
  );
  const show = (media: string | undefined) =>
    void navigate({ search: (before) => ({ ...before, media }) });
  const add = (files: DroppedFile[]) =>
    uploads.addToSession(sessionId, stage, stageName(stage), files);
  const idAt = (position: number) => at(position)?.id;
  const names = () => new Map(list.held().map((media) => [media.id, mediaName(media)]));
  const readAnew = () =>
    void queries.invalidateQueries({ queryKey: sessionKeys.allMedia(sessionId) });
  function remove(ids: ReadonlySet<string>) {
    setSelection(NOTHING);
    bulk.perform({
      action: "delete",
      ids: [...ids],
      names: names(),
      one: (id) => deleteMedia(sessionId, id),
      onDone: leaveOut,
      said: (count) => t("sessions.mediaDeleted", { count }),
      undo: restore,
      after: ({ unsure }) => unsure && readAnew(),
    });
  }
  function restore(ids: string[]) {
    bulk.perform({
      action: "restore",
      ids,
      names: names(),
      one: (id) => restoreMedia(sessionId, id),
      said: (count) => t("sessions.mediaRestored", { count }),
      after: readAnew,
    });
  }
  return (
    <Page
      title={t("sessions.one")}
      parents={<Parent to="/sessions">{t("nav.sessions")}</Parent>}
      lead={<code>{sessionId}</code>}
      filled
      actions={
        <>
          <Select
            compact
            label={t("sessions.stage")}
            value={stage}
            onChange={setStage}
            choices={STAGES.map((id) => ({
              id,
              name: t("sessions.into", { stage: stageName(id) }),
            }))}
          />
          <FileTrigger
            acceptedFileTypes={MEDIA_TYPES}
            allowsMultiple
            onSelect={(files) => files && add(filesOfInput(files))}
          >
            <Button look="primary" icon={Upload}>
              {t("upload.choose")}
            </Button>
          </FileTrigger>
        </>
      }
    >
      {selection.ids.size > 0 ? (
        <SelectionBar
          text={t("sessions.selected", { count: selection.ids.size })}
          onClear={() => setSelection(NOTHING)}
        >
          <Button icon={Trash2} onPress={() => remove(selection.ids)}>
            {t("common.delete")}
          </Button>
        </SelectionBar>
      ) : (
        <div className="toolbar">
          <Select
            compact
            label={t("common.status")}
            value={status}
            onChange={(value) => {
              setSelection(NOTHING);
              void navigate({ search: { status: value === "ALL" ? undefined : value } });
            }}
            choices={[
              { id: "ALL" as const, name: t("gallery.all") },
              ...MEDIA_STATUSES.map((id) => ({ id, name: statusName(id) })),
            ]}
          />
        </div>
      )}
      <BulkProgress bulk={bulk} />
      <DropArea enabled onDrop={add}>
        {list.error && list.loaded === 0 ? (
          <Failure error={list.error} onRetry={list.refetch} />
        ) : list.isPending ? (
          <Loading />
        ) : list.count === 0 ? (
          <Empty title={t("sessions.noMedia")}>
            {status === "ALL" ? t("sessions.noMediaText") : null}
          </Empty>
        ) : (
          <VirtualGrid
            label={t("sessions.media")}
            count={list.count}
            columnWidth={165}
            gap={12}
            rowHeight={(width) => {
              if (Math.abs(width - tile) > 1) queueMicrotask(() => setTile(width));
              return width * 0.75 + CAPTION;
            }}
            onRange={list.need}
            isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
            onOpen={(index) => show(idAt(index))}
            onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
            onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
            onSelectAll={() =>
              setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt))
            }
            onRemove={(index) => {
              const id = idAt(index);
              if (id) remove(selection.ids.size > 0 ? selection.ids : new Set([id]));
            }}
            renderItem={({ index }) => (
              <MediaTile
                media={list.at(index)}
                keeper={keeper}
                width={tile}
                selected={selection.ids.has(idAt(index) ?? "")}
                selecting={selection.ids.size > 0}
                onToggle={() => setSelection((before) => toggle(before, index, idAt))}
              />
            )}
          />
        )}
      </DropArea>
      {open && (
        <MediaDialog
          media={open}
          keeper={keeper}
          onClose={() => show(undefined)}
          onRemove={() => {
            remove(new Set([open.id]));
            show(undefined);
          }}
        />
      )}
    </Page>
  );
}
