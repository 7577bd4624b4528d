/** A list that the server gives from any position on, so that its end is as near as its beginning. */
import { type QueryKey, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { tellFailure } from "../ui/toast.tsx";
import { type FetchAt, ListWindow } from "./list-window.ts";
import type { PagedList } from "./paged-list.ts";
import { findIn, itemIn, type Segments } from "./segments.ts";

interface PositionedListOptions<Item> {
  queryKey: QueryKey;
  fetchAt: FetchAt<Item>;
}

const NOTHING: Segments<never> = { total: 0, parts: [], version: 0 };

function useListWindow<Item>({ queryKey, fetchAt }: PositionedListOptions<Item>) {
  const queries = useQueryClient();
  const [failure, setFailure] = useState<unknown>(null);
  const fetcher = useRef(fetchAt);
  fetcher.current = fetchAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is compared by its text
  const list = useMemo(
    () =>
      new ListWindow<Item>({
        fetchAt: (...request) => fetcher.current(...request),
        read: () => queries.getQueryData<Segments<Item>>(queryKey),
        write: (segments) => queries.setQueryData(queryKey, segments),
        onFailure: setFailure,
      }),
    [queries, JSON.stringify(queryKey)],
  );
  useEffect(() => () => list.close(), [list]);
  const failed = failure !== null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: said once, until something is loaded again
  useEffect(() => {
    if (failed) tellFailure(failure);
  }, [failed]);
  return { list, failure };
}

export function usePositionedList<Item>(options: PositionedListOptions<Item>): PagedList<Item> {
  const { list, failure } = useListWindow(options);
  const query = useQuery({
    queryKey: options.queryKey,
    queryFn: ({ signal }) => list.refresh(signal),
    structuralSharing: false,
    // A list that is opened again begins with what is seen of it then.
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const { refetch: readAgain } = query;
  const refetch = useCallback(() => void readAgain(), [readAgain]);
  const segments: Segments<Item> = query.data ?? NOTHING;
  // Somebody may have scrolled on while the list was read anew.
  useEffect(() => {
    if (segments !== NOTHING) list.lookAgain();
  }, [list, segments]);
  const at = useCallback((position: number) => itemIn(segments, position), [segments]);
  const find = useCallback((test: (item: Item) => boolean) => findIn(segments, test), [segments]);
  const held = useCallback(() => segments.parts.flatMap(({ items }) => items), [segments]);
  const need = useCallback((first: number, last: number) => list.need(first, last), [list]);
  const loaded = segments.parts.reduce((sum, { items }) => sum + items.length, 0);
  return {
    count: segments.total,
    loaded,
    complete: query.data !== undefined && loaded >= segments.total,
    at,
    find,
    held,
    need,
    isPending: query.isPending,
    isFetching: query.isFetching,
    error: query.error ?? failure,
    refetch,
  };
}
