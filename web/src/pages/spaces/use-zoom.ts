/** Zooming and moving a picture by buttons, wheel, double click and dragging. */
import { type PointerEvent, useEffect, useRef, useState, type WheelEvent } from "react";

interface View {
  scale: number;
  x: number;
  y: number;
}

const WHOLE: View = { scale: 1, x: 0, y: 0 };
const LARGEST = 8;
const STEP = 1.5;

/** Returns the view at another scale, with the point at (x, y) from the middle left in its place. */
export function zoomed(view: View, factor: number, x = 0, y = 0): View {
  const scale = Math.min(LARGEST, Math.max(1, view.scale * factor));
  if (scale === 1) return WHOLE;
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

export function useZoom(imageId: string) {
  const [view, setView] = useState(WHOLE);
  const drag = useRef<{ id: number; x: number; y: number } | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another image begins whole
  useEffect(() => setView(WHOLE), [imageId]);
  const fromMiddle = (event: { clientX: number; clientY: number; currentTarget: Element }) => {
    const box = event.currentTarget.getBoundingClientRect();
    return [
      event.clientX - box.left - box.width / 2,
      event.clientY - box.top - box.height / 2,
    ] as const;
  };
  return {
    scale: view.scale,
    closer: () => setView((before) => zoomed(before, STEP)),
    farther: () => setView((before) => zoomed(before, 1 / STEP)),
    reset: () => setView(WHOLE),
    style: { transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` },
    stage: {
      onWheel(event: WheelEvent<HTMLElement>) {
        const [x, y] = fromMiddle(event);
        setView((before) => zoomed(before, Math.exp(-event.deltaY / 400), x, y));
      },
      onDoubleClick(event: React.MouseEvent<HTMLElement>) {
        if ((event.target as HTMLElement).closest("button")) return;
        const [x, y] = fromMiddle(event);
        setView((before) => (before.scale > 1 ? WHOLE : zoomed(before, 3, x, y)));
      },
      onPointerDown(event: PointerEvent<HTMLElement>) {
        if (view.scale === 1 || (event.target as HTMLElement).closest("button")) return;
        drag.current = {
          id: event.pointerId,
          x: event.clientX - view.x,
          y: event.clientY - view.y,
        };
        event.currentTarget.setPointerCapture(event.pointerId);
      },
      onPointerMove(event: PointerEvent<HTMLElement>) {
        const from = drag.current;
        if (from?.id !== event.pointerId) return;
        setView(({ scale }) => ({ scale, x: event.clientX - from.x, y: event.clientY - from.y }));
      },
      onPointerUp() {
        drag.current = null;
      },
      onPointerCancel() {
        drag.current = null;
      },
    },
  };
}
