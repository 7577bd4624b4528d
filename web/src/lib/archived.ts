/** What the state of an object in an archive of the bucket means to a reader. */
import { type ArchiveStatus, TidegateError } from "@tidegate/client";
import { t } from "../i18n/i18n.ts";
import { formatDateTime } from "./format.ts";

export type { ArchiveStatus };
/** The state, where it is known. */
export type Known = ArchiveStatus | null | undefined;

/** Milliseconds after which an object that thaws is asked about again, where no event tells. */
const REREAD = 60_000;

/** Returns whether the bytes cannot be read now. */
export function isUnreadable(archive: Known): boolean {
  return archive?.state === "ARCHIVED" || archive?.state === "THAWING";
}

/** Returns whether a thaw can be asked for: one that is under way needs no other. */
export function canThaw(archive: Known): boolean {
  return archive?.state === "ARCHIVED";
}

/** Returns when an object is to be read again for its state, in milliseconds. */
export function rereadAfter(archive: Known): number | false {
  return archive?.state === "THAWING" && REREAD;
}

/** Returns the state because of which a request failed; nothing if it failed for another reason. */
export function archiveOf(failure: unknown): ArchiveStatus | undefined {
  if (!(failure instanceof TidegateError)) return undefined;
  if (failure.code === "ARCHIVED") return failure.archive ?? { state: "ARCHIVED" };
  // The store and the edge do not say whether a thaw is under way. A second one joins it.
  return failure.code === "InvalidObjectState" ? { state: "ARCHIVED" } : undefined;
}

/** Returns a sentence on the state; nothing where there is nothing to know. */
export function archiveText(archive: Known): string | undefined {
  switch (archive?.state) {
    case "ARCHIVED":
      return t("archive.archived");
    case "THAWING":
      return archive.requestedAt
        ? t("archive.thawingSince", { at: formatDateTime(archive.requestedAt) })
        : t("archive.thawing");
    case "THAWED":
      return archive.until
        ? t("archive.thawedUntil", { at: formatDateTime(archive.until) })
        : t("archive.thawed");
    default:
      return undefined;
  }
}
