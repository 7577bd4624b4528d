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

/**
 * Whether an item belongs among items that lie beside each other in the list: behind the first and before
 * the last of them, or beyond them where they reach an end of the list.
 */
export function isWithin<Item extends Dated>(
  items: readonly Item[],
  item: Item,
  isFirst: boolean,
  isLast: boolean,
): boolean {
  const [newest] = items;
  const oldest = items.at(-1);
  const notAfter = isFirst || (newest !== undefined && item.createdAt <= newest.createdAt);
  const notBefore = isLast || (oldest !== undefined && item.createdAt >= oldest.createdAt);
  return notAfter && notBefore;
}
