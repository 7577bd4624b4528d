/** What becomes of files once their bytes arrived: the server looks at each, and publishes or rejects it. */
import { TidegateError } from "@tidegate/client";
import { forEachId } from "../lib/each.ts";

/** What the server says of a stored item. */
export interface Item {
  status: string;
  reason?: string | null;
}

export interface Fate {
  state: "processing" | "published" | "refused";
  /** As the server names it, such as `REJECTED`. */
  status: string;
  reason: string;
}

/** An item that was uploaded, and how it is asked for. */
export interface Uploaded extends Item {
  id: string;
  look: () => Promise<Item>;
}

const REFUSED = new Set(["REJECTED", "FAILED", "SCAN_FAILED"]);
const PROCESSING = new Set(["PENDING", "PENDING_UPLOAD", "UPLOADED", "SCANNING", "PROCESSING"]);

export function fateOf({ status, reason }: Item): Fate {
  const state = REFUSED.has(status)
    ? "refused"
    : PROCESSING.has(status)
      ? "processing"
      : "published";
  return { state, status, reason: reason ?? "" };
}

const TICK = 500;
/** However many files there are, the server is asked for no more of them in a tick. */
const PER_TICK = 8;
const FIRST_WAIT = 700;
const LONGEST_WAIT = 30_000;

interface Watched extends Uploaded {
  fate: Fate;
  wait: number;
  due: number;
}

/** Follows items until the server is done with them. They are known by the id of their upload. */
export class Fates {
  readonly #watched = new Map<string, Watched>();
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  of(upload: string): Fate | undefined {
    return this.#watched.get(upload)?.fate;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  watch(upload: string, uploaded: Uploaded): void {
    const due = Date.now() + FIRST_WAIT;
    this.#watched.set(upload, { ...uploaded, fate: fateOf(uploaded), wait: FIRST_WAIT, due });
    this.#tell();
    this.#schedule();
  }

  /** Takes over what a page has read of an item anyway. */
  seen(id: string, item: Item): void {
    for (const watched of this.#watched.values()) {
      if (watched.id === id) this.#settle(watched, fateOf(item));
    }
  }

  forget(upload: string): void {
    this.#watched.delete(upload);
  }

  #schedule(): void {
    const open = [...this.#watched.values()].some(({ fate }) => fate.state === "processing");
    if (!open || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#tick(), TICK);
  }

  async #tick(): Promise<void> {
    const now = Date.now();
    const due = [...this.#watched]
      .filter(([, { fate, due }]) => fate.state === "processing" && due <= now)
      .sort(([, one], [, other]) => one.due - other.due)
      .slice(0, PER_TICK)
      .map(([upload]) => upload);
    await forEachId(due, (upload) => this.#look(upload));
    this.#timer = undefined;
    this.#schedule();
  }

  async #look(upload: string): Promise<void> {
    const watched = this.#watched.get(upload);
    if (!watched) return;
    try {
      this.#settle(watched, fateOf(await watched.look()));
    } catch (failure) {
      // Somebody deleted it, or took it from this user. What it was is not known, but it did arrive.
      if (isOutOfSight(failure)) this.#settle(watched, fateOf({ status: "DELETED" }));
    }
    watched.wait = Math.min(watched.wait * 1.7, LONGEST_WAIT);
    watched.due = Date.now() + watched.wait;
  }

  #settle(watched: Watched, fate: Fate): void {
    if (watched.fate.status === fate.status) return;
    watched.fate = fate;
    this.#tell();
    this.#schedule();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function isOutOfSight(failure: unknown): boolean {
  return failure instanceof TidegateError && [403, 404, 410].includes(failure.status);
}

export const fates = new Fates();
