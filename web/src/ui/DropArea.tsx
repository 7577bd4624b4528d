/** A part of a page that files and folders can be dropped on. */
import { type DragEvent, type ReactNode, useRef, useState } from "react";
import { type DroppedFile, filesOf } from "../lib/dropped-files.ts";
import "./drop.css";

interface DropAreaProps {
  /** Whether files are taken here now. */
  enabled: boolean;
  onDrop: (files: DroppedFile[]) => void;
  children: ReactNode;
}

const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");

export function DropArea({ enabled, onDrop, children }: DropAreaProps) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const end = () => {
    depth.current = 0;
    setOver(false);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button beside it does the same by keyboard
    <div
      className="dropping"
      data-drop-target={over || undefined}
      onDragEnter={(event) => {
        if (!enabled || !hasFiles(event)) return;
        event.preventDefault();
        depth.current += 1;
        setOver(true);
      }}
      onDragOver={(event) => {
        if (enabled && hasFiles(event)) event.preventDefault();
      }}
      onDragLeave={() => {
        depth.current -= 1;
        if (depth.current <= 0) end();
      }}
      onDrop={(event) => {
        end();
        if (!enabled || !hasFiles(event)) return;
        event.preventDefault();
        void filesOf(event.dataTransfer).then(onDrop);
      }}
    >
      {children}
    </div>
  );
}
