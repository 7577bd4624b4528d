/**
 * The server's clock, as far as its responses show it. A browser's own clock may be wrong by hours;
 * `expiresAt` of a grant is meant by the server's.
 */
export class ServerClock {
  #offset: number | undefined;

  /** Milliseconds since the epoch by the server, or by this computer as long as the server said none. */
  now(): number {
    return Date.now() + (this.#offset ?? 0);
  }

  /** Whether a response said the server's time. */
  get known(): boolean {
    return this.#offset !== undefined;
  }

  /**
   * Reads `Date`. Pages of other origins see it only if the server exposes it. Values are whole seconds, so
   * the middle of the second is the best guess.
   */
  observe(headers: Headers): void {
    const date = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.#offset = date + 500 - Date.now();
  }
}

/**
 * Returns how many milliseconds after its receipt a grant is due for renewal. Relies on the server's
 * clock if that is known, but never waits longer than the grant certainly lives: a grant that was
 * received just now lives at least from `refreshAfter` to `expiresAt`, whatever any clock says.
 */
export function renewalDelay(clock: ServerClock, refreshAfter: number, expiresAt: number): number {
  const certain = Math.max(0, expiresAt - refreshAfter) / 2;
  const wait = refreshAfter - clock.now();
  // A fresh grant that seems due shows that the clock is ahead.
  if (wait <= 0) return Math.max(certain, MIN_RENEWAL_DELAY);
  return Math.max(clock.known ? wait : Math.min(wait, certain), MIN_RENEWAL_DELAY);
}

/** A server whose grants live for moments only is not asked more often than this, in milliseconds. */
const MIN_RENEWAL_DELAY = 1000;
