/** The box at the corner of a tile by which it is selected. Its tile has the class `checkable`. */
import { Check } from "lucide-react";
import { t } from "../i18n/i18n.ts";
import "./tile-check.css";

interface TileCheckProps {
  name: string;
  selected: boolean;
  onToggle: () => void;
}

export function TileCheck({ name, selected, onToggle }: TileCheckProps) {
  return (
    <button
      type="button"
      className="tile-check"
      tabIndex={-1}
      aria-label={t("gallery.select", { name })}
      aria-pressed={selected}
      onClick={onToggle}
    >
      <Check size={16} aria-hidden />
    </button>
  );
}

/** Classes of a tile that can be selected. */
export function checkable(selected: boolean, selecting: boolean): string {
  return `checkable ${selected ? "selected" : ""} ${selecting ? "selecting" : ""}`;
}
