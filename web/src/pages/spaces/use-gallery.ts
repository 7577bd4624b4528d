/** The images of a space as they are now: pages from the server, and changes as they happen. */
import { useQueryClient } from "@tanstack/react-query";
import { parseTime, spaceImageUrls } from "@tidegate/client";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { client } from "../../api/client.ts";
import { useServerEvents } from "../../api/events.ts";
import { useListEditor, usePagedList } from "../../api/paged-list.ts";
import { getImage, listImages, type SpaceImage, spaceKeys } from "../../api/spaces.ts";
import { refreshSoon } from "../../app/refresh-soon.ts";
import { insertNewest, mergeStart } from "../../lib/newest-first.ts";

/** Images that are read anew after a gap in the events. */
const REREAD = 3_000;

interface Change {
  imageId: string;
  status: string;
}

function parseChange(data: string): Change | null {
  const value: unknown = JSON.parse(data);
  if (typeof value !== "object" || value === null) return null;
  const { imageId, status } = value as Partial<Change>;
  return typeof imageId === "string" && typeof status === "string" ? { imageId, status } : null;
}

export function useGallery(spaceId: string, status: string, total: number) {
  const queryKey = spaceKeys.images(spaceId, status);
  const edit = useListEditor<SpaceImage>(queryKey);
  const queries = useQueryClient();
  const refreshSpace = useMemo(() => refreshSoon(queries), [queries]);
  const list = usePagedList<SpaceImage>({
    queryKey,
    fetchPage: (cursor, signal) => listImages(spaceId, status, cursor, signal),
    total: status === "READY" ? total : undefined,
  });

  const keeper = useMemo(() => spaceImageUrls(client, spaceId), [spaceId]);
  useEffect(() => () => keeper.close(), [keeper]);
  const gone = useRef(new Set<string>());
  const given = useRef(new WeakSet<object>());
  /** Loads what is seen, and hands the URLs that came with it to the keeper. */
  const see = useCallback(
    (first: number, last: number) => {
      list.need(last);
      for (const { urls } of list.pagesOf(first, last)) {
        if (!urls || given.current.has(urls)) continue;
        given.current.add(urls);
        if ((urls.refreshAfter ?? 0) > client.clock.now()) keeper.put(urls);
      }
    },
    [list.need, list.pagesOf, keeper],
  );

  const replace = useCallback(
    (image: SpaceImage) => {
      const shown = status === "ALL" || image.status === status;
      let found = false;
      edit((items) => {
        const at = items.findIndex(({ id }) => id === image.id);
        if (at === -1) return items;
        found = true;
        return shown ? items.with(at, image) : items.toSpliced(at, 1);
      });
      if (!found && shown) edit((items, first) => (first ? insertNewest(items, image) : items));
    },
    [edit, status],
  );
  const leaveOut = useCallback(
    (ids: ReadonlySet<string>) => {
      edit((items) => {
        const left = items.filter(({ id }) => !ids.has(id));
        return left.length === items.length ? items : left;
      });
    },
    [edit],
  );
  const refresh = useCallback(
    async (imageId: string) => {
      const image = await getImage(spaceId, imageId);
      // It was deleted while it was asked for.
      if (gone.current.has(imageId)) return;
      // What was put earlier has no URLs if the image was not published yet.
      const { expiresAt, refreshAfter } = image;
      keeper.put({
        values: new Map([[imageId, image]]),
        expiresAt: parseTime(expiresAt),
        refreshAfter: parseTime(refreshAfter),
      });
      replace(image);
    },
    [replace, spaceId, keeper],
  );

  /** After a gap a short list is read anew; of a long one only its start, where new images are. */
  async function catchUp() {
    if (list.loaded <= REREAD) {
      list.refetch();
      return;
    }
    const { items: start } = await listImages(spaceId, status, null);
    edit((items, first) => (first ? mergeStart(start, items) : items));
  }

  useServerEvents(`/api/spaces/${encodeURIComponent(spaceId)}/events`, {
    onEvent(data) {
      const change = parseChange(data);
      if (!change) return;
      const { imageId } = change;
      const deleted = change.status === "DELETED" || change.status === "PURGED";
      if (deleted) gone.current.add(imageId);
      else gone.current.delete(imageId);
      if (deleted) leaveOut(new Set([imageId]));
      else void refresh(imageId).catch(() => leaveOut(new Set([imageId])));
      void queries.invalidateQueries({ queryKey: spaceKeys.history(spaceId, imageId) });
      if (change.status === "READY" || change.status === "DELETED") {
        refreshSpace(spaceKeys.one(spaceId));
      }
    },
    onGap: () => void catchUp(),
  });
  return { list, keeper, see, leaveOut, refresh };
}
