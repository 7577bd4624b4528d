/**
 * A list that the server gives in pages by cursor. Items are addressed by position; what is not
 * loaded yet is fetched when a position that needs it is seen.
 */

import {
  type InfiniteData,
  type QueryKey,
  useInfiniteQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { type Change, changeItems, type Segments } from "./segments.ts";

export interface ListPage<Item> {
  items: Item[];
  next: string | null;
}

export type PageCache<Item> = InfiniteData<ListPage<Item>, string | null>;

/** Returns where each page begins, and where the last one ends. */
export function pageStarts(pages: ReadonlyArray<ListPage<unknown>>): number[] {
  const starts = [0];
  for (const page of pages) starts.push((starts.at(-1) ?? 0) + page.items.length);
  return starts;
}

/** Returns the item at a position, or undefined if it is not loaded. */
export function itemAt<Item>(
  pages: ReadonlyArray<ListPage<Item>>,
  starts: readonly number[],
  position: number,
): Item | undefined {
  let low = 0;
  let high = pages.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return pages[low]?.items[position - (starts[low] ?? 0)];
}

interface PagedListOptions<Item> {
  queryKey: QueryKey;
  fetchPage: (cursor: string | null, signal: AbortSignal) => Promise<ListPage<Item>>;
  enabled?: boolean;
}

export interface PagedList<Item> {
  /** Positions there are: all if the total is known, else those loaded and one more page to come. */
  count: number;
  loaded: number;
  complete: boolean;
  at: (position: number) => Item | undefined;
  /** Returns the position of the first loaded item that passes a test; -1 if there is none. */
  find: (test: (item: Item) => boolean) => number;
  /** Returns all items that are loaded. */
  held: () => Item[];
  /** Says which positions are seen, so that they are loaded. */
  need: (first: number, last: number) => void;
  isPending: boolean;
  isFetching: boolean;
  error: unknown;
  refetch: () => void;
}

export function usePagedList<Item>(options: PagedListOptions<Item>): PagedList<Item> {
  const { queryKey, fetchPage, enabled = true } = options;
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    structuralSharing: false,
    // A list that is opened again begins with its first page; refetching all of a long one would take long.
    gcTime: 0,
    enabled,
    refetchOnWindowFocus: false,
  });
  const { refetch: readAgain } = query;
  const refetch = useCallback(() => void readAgain(), [readAgain]);
  const { data, fetchNextPage, hasNextPage, isFetching, isFetchNextPageError } = query;
  const pages = data?.pages;
  const starts = useMemo(() => pageStarts(pages ?? []), [pages]);
  const loaded = starts.at(-1) ?? 0;
  // A page may be empty though there are more, as of a filter: the first item is always wanted.
  const wanted = useRef(0);
  const at = useCallback(
    (position: number) => itemAt(pages ?? [], starts, position),
    [pages, starts],
  );
  const fetchWanted = useCallback(() => {
    if (wanted.current >= loaded && hasNextPage && !isFetching) {
      void fetchNextPage({ cancelRefetch: false });
    }
  }, [loaded, hasNextPage, isFetching, fetchNextPage]);
  useEffect(() => {
    if (!isFetchNextPageError) fetchWanted();
  }, [fetchWanted, isFetchNextPageError]);
  const need = useCallback(
    (_: number, last: number) => {
      wanted.current = last;
      fetchWanted();
    },
    [fetchWanted],
  );
  const held = useCallback(() => (pages ?? []).flatMap(({ items }) => items), [pages]);
  const find = useCallback((test: (item: Item) => boolean) => held().findIndex(test), [held]);
  const complete = pages !== undefined && !hasNextPage;
  return {
    count: complete || loaded === 0 ? loaded : loaded + 1,
    loaded,
    complete,
    at,
    find,
    held,
    need,
    isPending: enabled && (query.isPending || (loaded === 0 && hasNextPage && !query.error)),
    isFetching,
    error: query.error,
    refetch,
  };
}

type Cached<Item> = PageCache<Item> | Segments<Item> | undefined;

function changeCached<Item>(cached: Cached<Item>, change: Change<Item>): Cached<Item> {
  if (cached === undefined) return cached;
  if ("parts" in cached) return changeItems(cached, change);
  const last = cached.pages.length - 1;
  const pages = cached.pages.map((page, index) => {
    const items = change(page.items, index === 0, index === last && page.next === null);
    return items === page.items ? page : { ...page, items };
  });
  return { ...cached, pages };
}

/** Returns a function that changes the items of a cached list in place of asking for it again. */
export function useListEditor<Item>(queryKey: QueryKey) {
  const queries = useQueryClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is compared by its text
  return useCallback(
    (change: Change<Item>) => {
      queries.setQueryData<Cached<Item>>(queryKey, (cached) => changeCached(cached, change));
    },
    [queries, JSON.stringify(queryKey)],
  );
}
