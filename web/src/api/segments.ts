/**
 * The parts of a long list that are in memory, each with the position of its first item. Functions return
 * a new value and change none.
 */
export interface Segment<Item> {
  start: number;
  items: Item[];
}

export interface Segments<Item> {
  /** Items of the whole list, as the server said last. */
  total: number;
  /** In the order of their positions; none overlaps another one. */
  parts: ReadonlyArray<Segment<Item>>;
  /** Grows whenever positions may mean other items than before. */
  version: number;
}

export interface Chunk {
  offset: number;
  limit: number;
}

const endOf = ({ start, items }: Segment<unknown>) => start + items.length;

/** Returns the index of the last part that begins at or before a position; -1 if there is none. */
function indexAt(parts: ReadonlyArray<Segment<unknown>>, position: number): number {
  let low = -1;
  let high = parts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((parts[middle]?.start ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function itemIn<Item>(list: Segments<Item>, position: number): Item | undefined {
  const part = list.parts[indexAt(list.parts, position)];
  return part?.items[position - part.start];
}

/** Returns the position of the first item in memory that passes a test; -1 if there is none. */
export function findIn<Item>(list: Segments<Item>, test: (item: Item) => boolean): number {
  for (const { start, items } of list.parts) {
    const at = items.findIndex(test);
    if (at !== -1) return start + at;
  }
  return -1;
}

/**
 * Returns what is to be asked for so that positions from `first` to `last` are in memory. Chunks begin at
 * multiples of `size` where no part is in the way, so that neighbours fit.
 */
export function missingChunks(
  { total, parts }: Segments<unknown>,
  first: number,
  last: number,
  size: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  const end = Math.min(last, total - 1);
  let position = Math.max(0, first);
  while (position <= end) {
    const index = indexAt(parts, position);
    const before = parts[index];
    const covered = before ? endOf(before) : 0;
    if (covered > position) {
      position = covered;
      continue;
    }
    const offset = Math.max(position - (position % size), covered);
    const next = parts[index + 1]?.start ?? total;
    const limit = Math.min(position - (position % size) + size, next, total) - offset;
    chunks.push({ offset, limit });
    position = offset + limit;
  }
  return chunks;
}

/** Leaves out what lies at or behind a position. */
function cutAt<Item>(parts: ReadonlyArray<Segment<Item>>, end: number): Segment<Item>[] {
  return parts
    .filter(({ start }) => start < end || (start === 0 && end === 0))
    .map((part) =>
      endOf(part) > end ? { ...part, items: part.items.slice(0, end - part.start) } : part,
    );
}

/** Adds a part, which gives way where others are, and takes over the number of items. */
export function withPart<Item>(
  list: Segments<Item>,
  part: Segment<Item>,
  total: number,
): Segments<Item> {
  const index = indexAt(list.parts, part.start);
  const before = list.parts[index];
  const start = Math.max(part.start, before ? endOf(before) : 0);
  const end = Math.min(endOf(part), list.parts[index + 1]?.start ?? Number.POSITIVE_INFINITY);
  const items = part.items.slice(start - part.start, Math.max(0, end - part.start));
  const added = items.length > 0 ? [{ ...part, start, items }] : [];
  const parts = list.parts.toSpliced(index + 1, 0, ...added);
  return { ...list, total, parts: cutAt(parts, total) };
}

/** Keeps as many parts as allowed: those nearest to a position. */
export function keepNearest<Item>(
  list: Segments<Item>,
  position: number,
  most: number,
): Segments<Item> {
  if (list.parts.length <= most) return list;
  const distance = (part: Segment<Item>) =>
    Math.max(part.start - position, position - (endOf(part) - 1), 0);
  const kept = new Set(
    [...list.parts].sort((one, other) => distance(one) - distance(other)).slice(0, most),
  );
  return { ...list, parts: list.parts.filter((part) => kept.has(part)) };
}

/** Changes the items of a list that lie beside each other. `ends` says which ends of the list they reach. */
export type Change<Item> = (items: Item[], isFirst: boolean, isLast: boolean) => Item[];

/** Changes the items of each part. What lies behind an item that comes or goes moves by one. */
export function changeItems<Item>(list: Segments<Item>, change: Change<Item>): Segments<Item> {
  let moved = 0;
  let changed = false;
  const parts = list.parts.map((part) => {
    const items = change(part.items, part.start === 0, endOf(part) === list.total);
    const next = items === part.items && moved === 0 ? part : movedBy(part, items, moved);
    changed ||= next !== part;
    moved += items.length - part.items.length;
    return next;
  });
  if (!changed) return list;
  return {
    total: list.total + moved,
    parts: parts.filter(({ start, items }) => items.length > 0 || start === 0),
    version: moved === 0 ? list.version : list.version + 1,
  };
}

const movedBy = <Item>(part: Segment<Item>, items: Item[], by: number): Segment<Item> => ({
  ...part,
  items,
  start: part.start + by,
});
