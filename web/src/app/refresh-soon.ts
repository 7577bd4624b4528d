/** Asks for lists anew after many changes at once, but not once for each of them. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

const WAIT = 1_500;

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
