/** Makes a link to a file that works for a chosen time, for anybody who has it. */
import { Copy } from "lucide-react";
import { useState } from "react";
import { type Disposition, type FileLink, type ListedFile, signLink } from "../../api/files.ts";
import { t } from "../../i18n/i18n.ts";
import { copyText } from "../../lib/copy.ts";
import { formatDateTime } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Select, TextField } from "../../ui/Field.tsx";
import { tellFailure } from "../../ui/toast.tsx";

const HOUR = 3600;
const LIFETIMES = ["900", String(HOUR), String(24 * HOUR), String(7 * 24 * HOUR)] as const;
type Lifetime = (typeof LIFETIMES)[number];

const lifetimes = () => [
  { id: LIFETIMES[0], name: t("link.minutes", { count: 15 }) },
  { id: LIFETIMES[1], name: t("link.hours", { count: 1 }) },
  { id: LIFETIMES[2], name: t("link.days", { count: 1 }) },
  { id: LIFETIMES[3], name: t("link.days", { count: 7 }) },
];

export function LinkDialog({ file, onClose }: { file: ListedFile; onClose: () => void }) {
  const [lifetime, setLifetime] = useState<Lifetime>("3600");
  const [disposition, setDisposition] = useState<Disposition>("inline");
  const [link, setLink] = useState<FileLink>();
  const [busy, setBusy] = useState(false);
  async function create() {
    setBusy(true);
    try {
      setLink(await signLink(file.key, Number(lifetime), disposition));
    } catch (failure) {
      tellFailure(failure);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog title={t("link.title")} onClose={onClose}>
      <p className="soft clip" dir="auto">
        {file.filename}
      </p>
      <Select
        label={t("link.lifetime")}
        choices={lifetimes()}
        value={lifetime}
        onChange={(value) => {
          setLifetime(value);
          setLink(undefined);
        }}
      />
      <Select<Disposition>
        label={t("link.opens")}
        choices={[
          { id: "inline", name: t("link.inline") },
          { id: "attachment", name: t("link.attachment") },
        ]}
        value={disposition}
        onChange={(value) => {
          setDisposition(value);
          setLink(undefined);
        }}
      />
      {link && (
        <TextField
          label={t("link.link")}
          value={link.signed_url}
          isReadOnly
          description={t("link.until", { time: formatDateTime(link.expiresAt) })}
        />
      )}
      <div className="dialog-buttons">
        {/* One button for both, so that the keyboard stays on it. */}
        <Button
          look="primary"
          {...(link ? { icon: Copy } : {})}
          isPending={busy}
          onPress={() => void (link ? copyText(link.signed_url) : create())}
        >
          {link ? t("common.copy") : t("link.create")}
        </Button>
      </div>
    </Dialog>
  );
}
