/** Whether another attempt at a failed upload can go better. */
import type { TidegateError } from "@tidegate/client";

/** What is refused whatever comes later: the request, the file's size or type, a file that changed. */
const FINAL = new Set<TidegateError["kind"]>(["invalid", "size", "type", "changed"]);
/** Bytes that were damaged or cut off on their way, and a request that took too long. */
const DAMAGED = new Set(["BadDigest", "IncompleteBody", "RequestTimeout"]);

export function mayPassLater({ kind, code, status }: TidegateError): boolean {
  if (status === 501) return false;
  return !FINAL.has(kind) || status === 408 || DAMAGED.has(code);
}
