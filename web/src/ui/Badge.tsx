/** The status of stored things, in words and a colour. */
import { type MessageId, t } from "../i18n/i18n.ts";
import "./badge.css";

type Tone = "good" | "busy" | "bad" | "warn" | "plain";
const STATUS: Record<string, [Tone, MessageId]> = {
  READY: ["good", "status.ready"],
  COMPLETED: ["good", "status.ready"],
  PENDING: ["plain", "status.pending"],
  PENDING_UPLOAD: ["plain", "status.pending"],
  UPLOADED: ["busy", "status.uploaded"],
  SCANNING: ["busy", "status.scanning"],
  PROCESSING: ["busy", "status.processing"],
  RESTORING: ["busy", "status.restoring"],
  REJECTED: ["bad", "status.rejected"],
  FAILED: ["bad", "status.failed"],
  SCAN_FAILED: ["bad", "status.failed"],
  DELETED: ["plain", "status.deleted"],
};

/** Returns the words for a status; one that is not known is shown as the server says it. */
export function statusName(status: string): string {
  const known = STATUS[status];
  return known ? t(known[1]) : status;
}

export function StatusBadge({ status }: { status: string }) {
  const tone = STATUS[status]?.[0] ?? "plain";
  return <span className={`badge ${tone}`}>{statusName(status)}</span>;
}

export function Badge({ tone = "plain", children }: { tone?: Tone; children: string }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}
