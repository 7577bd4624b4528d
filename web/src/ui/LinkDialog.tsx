/** Makes a link that works for a chosen time, for anybody who has it, and copies it. */
import { Copy } from "lucide-react";
import { useState } from "react";
import { t } from "../i18n/i18n.ts";
import { archiveOf } from "../lib/archived.ts";
import { mayCopy } from "../lib/copy.ts";
import { formatDateTime } from "../lib/format.ts";
import { type Lifetime, lifetimes, refusalOf } from "../lib/link-lifetimes.ts";
import { Archive, type Thaw } from "./Archive.tsx";
import { Button } from "./Button.tsx";
import { Dialog } from "./Dialog.tsx";
import { type Choice, Select, TextField } from "./Field.tsx";
import { Note } from "./Note.tsx";
import { tell } from "./toast.tsx";

export interface Link {
  url: string;
  /** When it ends. */
  expiresAt: string;
}

interface LinkDialogProps<Id extends string> {
  title: string;
  /** What it leads to. */
  name: string;
  /** The lifetime that is chosen first. */
  lifetime: Lifetime;
  /** What else is chosen. The first one is chosen first. */
  label: string;
  choices: readonly [Choice<Id>, ...Choice<Id>[]];
  /** Says what whoever has it can do until a time. */
  until: (time: string) => string;
  /** Says how it is ended before. */
  end?: string;
  create: (seconds: number, choice: Id) => Promise<Link>;
  /** Thaws it; only for those who may. */
  thaw?: Thaw | undefined;
  onClose: () => void;
}

export function LinkDialog<Id extends string>(props: LinkDialogProps<Id>) {
  const { title, name, label, choices, until, end, create, thaw, onClose } = props;
  const [lifetime, setLifetime] = useState<Lifetime>(props.lifetime);
  const [choice, setChoice] = useState<Id>(choices[0].id);
  const [link, setLink] = useState<Link>();
  const [denied, setDenied] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  function forget() {
    setLink(undefined);
    setRefusal(undefined);
    setDenied(false);
  }
  async function copy({ url, expiresAt }: Link) {
    const copied = await mayCopy(url);
    setDenied(!copied);
    if (copied) tell(t("link.copied", { time: formatDateTime(expiresAt) }));
  }
  async function make() {
    setBusy(true);
    setRefusal(undefined);
    try {
      const made = await create(Number(lifetime), choice);
      setLink(made);
      await copy(made);
    } catch (failure) {
      setRefusal(failure);
    } finally {
      setBusy(false);
    }
  }
  const archive = archiveOf(refusal);
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="soft clip" dir="auto">
        {name}
      </p>
      <Select
        label={t("link.lifetime")}
        choices={lifetimes()}
        value={lifetime}
        onChange={(value) => {
          setLifetime(value);
          forget();
        }}
      />
      <Select<Id>
        label={label}
        choices={choices}
        value={choice}
        onChange={(value) => {
          setChoice(value);
          forget();
        }}
      />
      {archive ? (
        <Archive archive={archive} thaw={thaw} />
      ) : (
        refusal !== undefined && <Note look="bad">{refusalOf(refusal)}</Note>
      )}
      {link && (
        <TextField
          label={t("link.link")}
          value={link.url}
          isReadOnly
          onFocus={(event) => event.target instanceof HTMLInputElement && event.target.select()}
          description={until(formatDateTime(link.expiresAt))}
        />
      )}
      {link && end && <p className="soft small">{end}</p>}
      {denied && <Note look="warn">{t("link.byHand")}</Note>}
      <div className="dialog-buttons">
        {/* One button for both, so that the keyboard stays on it. */}
        <Button
          look="primary"
          {...(link ? { icon: Copy } : {})}
          isPending={busy}
          onPress={() => void (link ? copy(link) : make())}
        >
          {link ? t("common.copy") : t("link.create")}
        </Button>
      </div>
    </Dialog>
  );
}
