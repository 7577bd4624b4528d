/** The status of stored things, in words and a colour. */
import type { LucideIcon } from "lucide-react";
import { type MessageId, t } from "../i18n/i18n.ts";
import "./badge.css";

export type Tone = "good" | "busy" | "bad" | "warn" | "plain";
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

interface BadgeProps {
  tone?: Tone;
  icon?: LucideIcon;
  /** More about it, for a pointer that rests on it. */
  title?: string | undefined;
  children: string;
}

export function Badge({ tone = "plain", icon: Icon, title, children }: BadgeProps) {
  return (
    <span className={`badge ${tone}`} title={title}>
      {Icon && <Icon size={13} aria-hidden />}
      {children}
    </span>
  );
}
