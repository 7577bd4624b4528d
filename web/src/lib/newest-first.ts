/** Changes to a list whose newest item is first. */
interface Dated {
  id: string;
  /** RFC 3339 in UTC, so that texts compare as times. */
  createdAt: string;
}

/** Puts an item where it belongs in the order of the list. */
export function insertNewest<Item extends Dated>(items: Item[], item: Item): Item[] {
  const at = items.findIndex(({ createdAt }) => createdAt <= item.createdAt);
  return items.toSpliced(at === -1 ? items.length : at, 0, item);
}

/** Returns a start of the list that was read anew, followed by the older items that are known. */
export function mergeStart<Item extends Dated>(start: Item[], known: Item[]): Item[] {
  const last = start.at(-1);
  if (!last) return known;
  const ids = new Set(start.map(({ id }) => id));
  return [
    ...start,
    ...known.filter(({ id, createdAt }) => !ids.has(id) && createdAt <= last.createdAt),
  ];
}
