/** That an object is in an archive of the bucket, and the request to thaw it. */
import { Snowflake } from "lucide-react";
import { type ReactNode, useState } from "react";
import { type MessageId, t } from "../i18n/i18n.ts";
import {
  type ArchiveStatus,
  archiveOf,
  archiveText,
  canThaw,
  isUnreadable,
  type Known,
} from "../lib/archived.ts";
import { Badge, StatusBadge, type Tone } from "./Badge.tsx";
import { Button } from "./Button.tsx";
import { FormDialog } from "./Dialog.tsx";
import { Note } from "./Note.tsx";
import { tell } from "./toast.tsx";
import "./archive.css";

/** Asks for a thaw, and returns the state after that. */
export type Thaw = () => Promise<Known>;

interface ThawDialogProps {
  thaw: Thaw;
  /** Why it is offered, where the page does not say so. */
  archive?: ArchiveStatus | undefined;
  onThaw?: (after: ArchiveStatus) => void;
  onClose: () => void;
}

/** The question before a thaw, which takes long and costs money. */
export function ThawDialog({ thaw, archive, onThaw, onClose }: ThawDialogProps) {
  async function send() {
    const after = (await thaw()) ?? { state: "READABLE" };
    if (after.state === "READABLE") tell(t("archive.readable"));
    onThaw?.(after);
  }
  const why = archiveText(archive);
  return (
    <FormDialog
      title={t("archive.thawTitle")}
      submit={t("archive.thaw")}
      onClose={onClose}
      onSubmit={send}
    >
      {why && <p>{why}</p>}
      <p>{t("archive.thawText")}</p>
    </FormDialog>
  );
}

/**
 * Returns a function that offers the thaw of what could not be read because it is archived, and the
 * dialog that asks. The function returns false if something else failed, or if no thaw helps.
 */
export function useThawOffer(): [(failure: unknown, thaw?: Thaw) => boolean, ReactNode] {
  const [offer, setOffer] = useState<{ archive: ArchiveStatus; thaw: Thaw }>();
  function offerThaw(failure: unknown, thaw?: Thaw): boolean {
    const archive = archiveOf(failure);
    if (!thaw || !archive || !canThaw(archive)) return false;
    setOffer({ archive, thaw });
    return true;
  }
  return [offerThaw, offer && <ThawDialog {...offer} onClose={() => setOffer(undefined)} />];
}

const BADGES: Record<string, [Tone, MessageId]> = {
  ARCHIVED: ["warn", "archive.rowArchived"],
  THAWING: ["busy", "archive.rowThawing"],
  THAWED: ["plain", "archive.rowThawed"],
};

/** The state in one word, for rows and tiles. */
export function ArchiveBadge({ archive }: { archive: Known }) {
  const known = BADGES[archive?.state ?? ""];
  if (!known) return null;
  const [tone, name] = known;
  return (
    <Badge tone={tone} icon={Snowflake} title={archiveText(archive)}>
      {t(name)}
    </Badge>
  );
}

interface StateBadgeProps {
  status: string;
  archive: Known;
}

/** The status in one word, or the state of the archive in its place: only what is READY has one. */
export function StateBadge({ status, archive }: StateBadgeProps) {
  return BADGES[archive?.state ?? ""] ? (
    <ArchiveBadge archive={archive} />
  ) : (
    <StatusBadge status={status} />
  );
}

interface ArchiveProps {
  archive: Known;
  /** Only for those who may. */
  thaw?: Thaw | undefined;
}

/** The state in a sentence, with the thaw where it helps. */
export function Archive({ archive, thaw }: ArchiveProps) {
  const [asking, setAsking] = useState(false);
  // What a thaw answered holds until the object is read again.
  const [answer, setAnswer] = useState<{ before: Known; after: ArchiveStatus }>();
  const known = answer && answer.before === archive ? answer.after : archive;
  const text = archiveText(known);
  if (!text) return null;
  return (
    <Note look={isUnreadable(known) ? "warn" : "info"} icon={Snowflake}>
      <div className="archive-note">
        <p role="status">{text}</p>
        {thaw && canThaw(known) && (
          <Button onPress={() => setAsking(true)}>{t("archive.thaw")}</Button>
        )}
      </div>
      {thaw && asking && (
        <ThawDialog
          thaw={thaw}
          onThaw={(after) => setAnswer({ before: archive, after })}
          onClose={() => setAsking(false)}
        />
      )}
    </Note>
  );
}
