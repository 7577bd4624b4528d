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
import type { LoadedUrls } from "@tidegate/client";
import { useCallback, useEffect, useMemo, useRef } from "react";

export interface ListPage<Item> {
  items: Item[];
  next: string | null;
  /** Signed URLs that came with the page, where it has some. */
  urls?: LoadedUrls<Item>;
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
  /** How many there are in all, if the server says so. */
  total?: number | undefined;
  enabled?: boolean;
}

export interface PagedList<Item> {
  /** Positions there are: all if the total is known, else those loaded and one more page to come. */
  count: number;
  loaded: number;
  complete: boolean;
  at: (position: number) => Item | undefined;
  /** Loads pages until a position is there. */
  need: (position: number) => void;
  /** The loaded pages that hold positions from `first` to `last`. */
  pagesOf: (first: number, last: number) => ListPage<Item>[];
  isPending: boolean;
  isFetching: boolean;
  error: unknown;
  refetch: () => void;
}

export function usePagedList<Item>(options: PagedListOptions<Item>): PagedList<Item> {
  const { queryKey, fetchPage, total, enabled = true } = options;
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
  const { data, fetchNextPage, hasNextPage, isFetching, isFetchNextPageError } = query;
  const pages = data?.pages;
  const starts = useMemo(() => pageStarts(pages ?? []), [pages]);
  const loaded = starts.at(-1) ?? 0;
  const wanted = useRef(-1);
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
    (position: number) => {
      wanted.current = position;
      fetchWanted();
    },
    [fetchWanted],
  );
  const pagesOf = useCallback(
    (first: number, last: number) =>
      (pages ?? []).filter((_, index) => {
        const [start = 0, end = 0] = starts.slice(index, index + 2);
        return start <= last && end > first;
      }),
    [pages, starts],
  );
  const complete = pages !== undefined && !hasNextPage;
  return {
    count: complete ? loaded : Math.max(total ?? 0, loaded + (loaded > 0 ? 1 : 0)),
    loaded,
    complete,
    at,
    need,
    pagesOf,
    isPending: query.isPending && enabled,
    isFetching,
    error: query.error,
    refetch: () => void query.refetch(),
  };
}

/** Returns a function that changes the items of a cached list in place of asking for it again. */
export function useListEditor<Item>(queryKey: QueryKey) {
  const queries = useQueryClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is compared by its text
  return useCallback(
    (change: (items: Item[], isFirst: boolean) => Item[]) => {
      queries.setQueryData<PageCache<Item>>(queryKey, (cached) =>
        cached === undefined
          ? cached
          : {
              ...cached,
              pages: cached.pages.map((page, index) => {
                const items = change(page.items, index === 0);
                return items === page.items ? page : { ...page, items };
              }),
            },
      );
    },
    [queries, JSON.stringify(queryKey)],
  );
}
