/** What is selected in a list, and what can be done with it. */
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { t } from "../i18n/i18n.ts";
import { IconButton } from "./Button.tsx";
import "./selection.css";

interface SelectionBarProps {
  text: string;
  onClear: () => void;
  /** Buttons. */
  children: ReactNode;
}

export function SelectionBar({ text, onClear, children }: SelectionBarProps) {
  return (
    <div className="selection-bar">
      <strong role="status">{text}</strong>
      <span className="grow" />
      {children}
      <IconButton icon={X} label={t("gallery.selectNone")} onPress={onClear} />
    </div>
  );
}
