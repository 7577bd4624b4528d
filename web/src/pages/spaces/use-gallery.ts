/** The images of a space as they are now: pages from the server, and changes as they happen. */
import { useQueryClient } from "@tanstack/react-query";
import { parseTime, spaceImageUrls } from "@tidegate/client";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { client } from "../../api/client.ts";
import { useServerEvents } from "../../api/events.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { getImage, listImages, type SpaceImage, spaceKeys } from "../../api/spaces.ts";
import { refreshNow, refreshSoon } from "../../app/refresh-soon.ts";
import { insertNewest, isWithin } from "../../lib/newest-first.ts";
import { fates } from "../../uploads/fates.ts";

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

export function useGallery(spaceId: string, status: string) {
  const queryKey = spaceKeys.images(spaceId, status);
  const edit = useListEditor<SpaceImage>(queryKey);
  const queries = useQueryClient();
  const readSoon = useMemo(() => refreshSoon(queries), [queries]);
  const countNow = useMemo(() => refreshNow(queries), [queries]);
  const keeper = useMemo(() => spaceImageUrls(client, spaceId), [spaceId]);
  useEffect(() => () => keeper.close(), [keeper]);
  const list = usePositionedList<SpaceImage>({
    queryKey,
    async fetchAt(...at) {
      const page = await listImages(spaceId, status, ...at);
      if (page.urls) keeper.put(page.urls);
      return page;
    },
  });
  const gone = useRef(new Set<string>());
  /** Positions have moved in a part of the list that is not loaded. */
  const readAnew = useCallback(
    () => readSoon(spaceKeys.images(spaceId, status)),
    [readSoon, spaceId, status],
  );
  const replace = useCallback(
    (image: SpaceImage) => {
      const shown = status === "ALL" || image.status === status;
      let found = false;
      let placed = false;
      edit((items) => {
        const at = items.findIndex(({ id }) => id === image.id);
        if (at === -1) return items;
        found = true;
        return shown ? items.with(at, image) : items.toSpliced(at, 1);
      });
      if (found || !shown) return;
      edit((items, isFirst, isLast) => {
        if (placed || !isWithin(items, image, isFirst, isLast)) return items;
        placed = true;
        return insertNewest(items, image);
      });
      if (!placed) readAnew();
    },
    [edit, status, readAnew],
  );
  const leaveOut = useCallback(
    (ids: ReadonlySet<string>) => {
      let found = 0;
      edit((items) => {
        const left = items.filter(({ id }) => !ids.has(id));
        found += items.length - left.length;
        return left.length === items.length ? items : left;
      });
      if (found < ids.size) readAnew();
    },
    [edit, readAnew],
  );
  const refresh = useCallback(
    async (imageId: string) => {
      const image = await getImage(spaceId, imageId);
      fates.seen(imageId, image);
      queries.setQueryData(spaceKeys.image(spaceId, imageId), image);
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
    [replace, spaceId, keeper, queries],
  );

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
        countNow(spaceKeys.one(spaceId));
      }
    },
    onGap: list.refetch,
  });
  return { list, keeper, leaveOut };
}
