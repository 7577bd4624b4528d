/** Notes in the page: something went wrong, something is to be known. */
import { CircleAlert, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { t } from "../i18n/i18n.ts";
import { Button } from "./Button.tsx";
import { messageOf } from "./errors.ts";
import "./note.css";

type Look = "info" | "warn" | "bad";
const ICONS = { info: Info, warn: TriangleAlert, bad: CircleAlert };

interface NoteProps {
  look?: Look;
  icon?: LucideIcon;
  children: ReactNode;
}

export function Note({ look = "info", icon: Icon = ICONS[look], children }: NoteProps) {
  return (
    <div className={`note ${look}`} role={look === "bad" ? "alert" : undefined}>
      <Icon size={18} aria-hidden />
      <div>{children}</div>
    </div>
  );
}

/** What is shown where a page or a list could not be read. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <div className="failure" role="alert">
      <CircleAlert size={28} aria-hidden />
      <p>{messageOf(error)}</p>
      {onRetry && <Button onPress={onRetry}>{t("common.retry")}</Button>}
    </div>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden />
      <span className="unseen">{t("common.loading")}</span>
    </div>
  );
}
