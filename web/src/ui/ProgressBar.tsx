/** How far something is. */
import { ProgressBar as AriaProgressBar } from "react-aria-components/ProgressBar";
import "./progress.css";

interface ProgressBarProps {
  label: string;
  /** From 0 to 1. */
  value: number;
  /** What is read aloud in place of a percentage. */
  text?: string;
}

export function ProgressBar({ label, value, text }: ProgressBarProps) {
  return (
    <AriaProgressBar
      aria-label={label}
      value={value * 100}
      className="progress"
      {...(text && { valueLabel: text })}
    >
      <div className="progress-track">
        <div className="progress-fill" style={{ width: `${value * 100}%` }} />
      </div>
    </AriaProgressBar>
  );
}
