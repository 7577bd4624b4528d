/** Asks for lists anew after many changes at once, but not once for each of them. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

const WAIT = 1_500;

/**
 * Returns a function that invalidates a key at once, and, if it is called again within `WAIT`
 * milliseconds, once more at their end.
 */
export function refreshNow(queries: Pick<QueryClient, "invalidateQueries">) {
  const again = new Map<string, boolean>();
  return function refresh(queryKey: QueryKey): void {
    const name = JSON.stringify(queryKey);
    if (again.has(name)) {
      again.set(name, true);
      return;
    }
    again.set(name, false);
    void queries.invalidateQueries({ queryKey });
    setTimeout(() => {
      const wanted = again.get(name);
      again.delete(name);
      if (wanted) refresh(queryKey);
    }, WAIT);
  };
}

/** Returns a function that invalidates a key within `WAIT` milliseconds, however often it is called. */
export function refreshSoon(queries: Pick<QueryClient, "invalidateQueries">) {
  const waiting = new Set<string>();
  return (queryKey: QueryKey): void => {
    const name = JSON.stringify(queryKey);
    if (waiting.has(name)) return;
    waiting.add(name);
    setTimeout(() => {
      waiting.delete(name);
      void queries.invalidateQueries({ queryKey });
    }, WAIT);
  };
}
