/** Where a key leads in a grid. */
export interface GridShape {
  count: number;
  columns: number;
  /** Items that are seen at once. */
  perPage: number;
}

interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** Returns the position that a key leads to, or null if the key is none that moves. */
export function moveTo(event: Key, from: number, shape: GridShape): number | null {
  const { count, columns, perPage } = shape;
  if (count === 0 || event.altKey) return null;
  const clamp = (position: number) => Math.min(count - 1, Math.max(0, position));
  switch (event.key) {
    case "ArrowRight":
      return columns > 1 ? clamp(from + 1) : null;
    case "ArrowLeft":
      return columns > 1 ? clamp(from - 1) : null;
    case "ArrowDown":
      return from + columns < count ? from + columns : clamp(lastBelow(from, shape));
    case "ArrowUp":
      return from - columns >= 0 ? from - columns : from;
    case "PageDown":
      return clamp(from + perPage);
    case "PageUp":
      return clamp(from - perPage);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

/** From the row before the last, a column that the last row does not have leads to its last item. */
function lastBelow(from: number, { count, columns }: GridShape): number {
  const lastRow = Math.floor((count - 1) / columns);
  return Math.floor(from / columns) < lastRow ? count - 1 : from;
}
