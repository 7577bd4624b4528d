/** Asks for the name of something new. */
import { useState } from "react";
import { t } from "../i18n/i18n.ts";
import { fitName } from "../lib/fit-name.ts";
import { FormDialog } from "./Dialog.tsx";
import { TextField } from "./Field.tsx";

interface CreateDialogProps {
  title: string;
  /** Bytes of the longest name that the server takes. */
  most: number;
  /** Creates it. The dialog closes when that is done, and stays with the error if it fails. */
  onCreate: (name: string) => Promise<unknown>;
  onClose: () => void;
}

export function CreateDialog({ title, most, onCreate, onClose }: CreateDialogProps) {
  const [typed, setTyped] = useState("");
  const [full, setFull] = useState(false);
  const name = typed.trim();
  function type(text: string) {
    const fitting = fitName(text, most);
    setTyped(fitting.name);
    setFull(fitting.full);
  }
  return (
    <FormDialog
      title={title}
      submit={t("common.create")}
      disabled={!name}
      onClose={onClose}
      onSubmit={() => onCreate(name)}
    >
      <TextField
        label={t("common.name")}
        value={typed}
        onChange={type}
        description={<span role="status">{full ? t("common.nameFull") : null}</span>}
        autoFocus
        isRequired
      />
    </FormDialog>
  );
}
