import type { KeptUrl, UrlKeeper } from "@tidegate/client";
import { useCallback, useSyncExternalStore } from "react";

/** What shows one thing under a signed URL. */
export interface ShownUrl<Value> extends KeptUrl<Value> {
  /** For `onError` of an `<img>` or `<video>`, whose `key` is `attempt`. */
  onError: () => void;
  /** For `onLoad` of it. */
  onLoad: () => void;
  /** Tries a broken one again. */
  retry: () => void;
}

/**
 * Keeps the URL of `id` fresh while the component is there. Components that are rendered together share one
 * request.
 */
export function useSignedUrl<Value>(keeper: UrlKeeper<Value>, id: string): ShownUrl<Value> {
  const subscribe = useCallback((listener: () => void) => keeper.watch(id, listener), [keeper, id]);
  const read = () => keeper.get(id);
  const kept = useSyncExternalStore(subscribe, read, read);
  return {
    ...kept,
    onError: () => {
      if (kept.value !== undefined) keeper.failed(id, kept.value);
    },
    onLoad: () => keeper.loaded(id),
    retry: () => keeper.retry(id),
  };
}
