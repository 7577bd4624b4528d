/** Short messages over the page, read aloud by screen readers. */
import { CircleAlert, CircleCheck, X } from "lucide-react";
import {
  UNSTABLE_ToastContent as Content,
  UNSTABLE_ToastQueue as Queue,
  UNSTABLE_ToastRegion as Region,
  UNSTABLE_Toast as Toast,
} from "react-aria-components/Toast";
import { t } from "../i18n/i18n.ts";
import { IconButton } from "./Button.tsx";
import { messageOf } from "./errors.ts";
import "./toast.css";

interface Message {
  text: string;
  bad: boolean;
  action?: { name: string; run: () => void };
}

const queue = new Queue<Message>({ maxVisibleToasts: 3 });

/** Says that something was done, with a way back if there is one. */
export function tell(text: string, action?: Message["action"]): void {
  queue.add({ text, bad: false, action }, { timeout: action ? 10_000 : 5_000 });
}

/** Says that something failed. It stays until it is closed. */
export function tellFailure(failure: unknown): void {
  queue.add({ text: messageOf(failure), bad: true });
}

export function Toasts() {
  return (
    <Region queue={queue} className="toasts" aria-label={t("common.messages")}>
      {({ toast }) => (
        <Toast toast={toast} className={`toast ${toast.content.bad ? "bad" : ""}`}>
          {toast.content.bad ? (
            <CircleAlert size={18} aria-hidden />
          ) : (
            <CircleCheck size={18} aria-hidden />
          )}
          <Content className="toast-text">{toast.content.text}</Content>
          {toast.content.action && (
            <button
              type="button"
              className="toast-action"
              onClick={() => {
                toast.content.action?.run();
                queue.close(toast.key);
              }}
            >
              {toast.content.action.name}
            </button>
          )}
          <IconButton icon={X} label={t("common.close")} onPress={() => queue.close(toast.key)} />
        </Toast>
      )}
    </Region>
  );
}
