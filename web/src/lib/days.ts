/** Days in UTC, as the statistics of the server count them. */
const DAY = 86_400_000;

/** Returns a time's day, such as `2026-11-30`. */
export const isoDay = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Returns the first and the last of so many days, today included. */
export function lastDays(count: number, now = Date.now()): { since: string; until: string } {
  return { since: isoDay(now - (count - 1) * DAY), until: isoDay(now) };
}

/** Returns a day as a number that grows by one from day to day. */
const numberOf = (day: string): number => Math.floor(Date.parse(`${day}T00:00:00Z`) / DAY);

export const dayOf = (number: number): Date => new Date(number * DAY);

/**
 * Returns all days from `since` to `until` with the sum of each, for a chart. Days that the server leaves
 * out are 0, and what lies outside is not counted.
 */
export function sumByDay(
  values: ReadonlyArray<{ day: string; value: number }>,
  since: string,
  until: string,
): [number[], number[]] {
  const first = numberOf(since);
  const count = Math.max(0, numberOf(until) - first + 1);
  const sums = new Array<number>(count).fill(0);
  for (const { day, value } of values) {
    const at = numberOf(day) - first;
    if (at >= 0 && at < count) sums[at] = (sums[at] ?? 0) + value;
  }
  return [Array.from({ length: count }, (_, at) => first + at), sums];
}
