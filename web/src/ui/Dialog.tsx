/** Dialogs over the page, and the question before something is lost. */
import { X } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog as AriaDialog } from "react-aria-components/Dialog";
import { Heading } from "react-aria-components/Heading";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { t } from "../i18n/i18n.ts";
import { Button, IconButton } from "./Button.tsx";
import { messageOf } from "./errors.ts";
import { Note } from "./Note.tsx";
import "./dialog.css";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** The dialog stays until it is answered. */
  held?: boolean;
  alert?: boolean;
}

export function Dialog({ title, onClose, children, wide, held, alert }: DialogProps) {
  return (
    <ModalOverlay
      className="overlay"
      isOpen
      isDismissable={!held}
      isKeyboardDismissDisabled={held}
      onOpenChange={(open) => !open && onClose()}
    >
      <Modal className={`modal ${wide ? "wide" : ""}`}>
        <AriaDialog className="dialog" role={alert ? "alertdialog" : "dialog"}>
          <header className="dialog-head">
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {!held && <IconButton icon={X} label={t("common.close")} onPress={onClose} />}
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface FormDialogProps {
  title: string;
  submit: string;
  danger?: boolean;
  disabled?: boolean;
  wide?: boolean;
  onClose: () => void;
  /** Does the work. The dialog closes when it is done, and stays with the error if it fails. */
  onSubmit: () => Promise<unknown>;
  children: ReactNode;
}

export function FormDialog(props: FormDialogProps) {
  const { title, submit, danger, disabled, wide, onClose, onSubmit, children } = props;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  async function send(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit();
      onClose();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog title={title} onClose={onClose} wide={wide} alert={danger}>
      <form className="dialog-form" onSubmit={send}>
        {children}
        {error && <Note look="bad">{error}</Note>}
        <div className="dialog-buttons">
          <Button onPress={onClose}>{t("common.cancel")}</Button>
          <Button
            type="submit"
            look={danger ? "danger" : "primary"}
            isPending={busy}
            isDisabled={disabled}
            autoFocus={danger}
          >
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
