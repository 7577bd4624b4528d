/** Asks for the name of something new. */
import { useState } from "react";
import { t } from "../i18n/i18n.ts";
import { FormDialog } from "./Dialog.tsx";
import { TextField } from "./Field.tsx";

interface CreateDialogProps {
  title: string;
  /** Creates it. The dialog closes when that is done, and stays with the error if it fails. */
  onCreate: (name: string) => Promise<unknown>;
  onClose: () => void;
}

export function CreateDialog({ title, onCreate, onClose }: CreateDialogProps) {
  const [typed, setTyped] = useState("");
  const name = typed.trim();
  return (
    <FormDialog
      title={title}
      submit={t("common.create")}
      disabled={!name}
      onClose={onClose}
      onSubmit={() => onCreate(name)}
    >
      <TextField label={t("common.name")} value={typed} onChange={setTyped} autoFocus isRequired />
    </FormDialog>
  );
}
