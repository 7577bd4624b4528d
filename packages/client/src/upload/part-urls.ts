import type { PartTarget } from "./surface.js";

/** Signs URLs of parts. */
export type SignParts = (partNumbers: number[]) => Promise<PartTarget[]>;

// A URL that is nearly over is not used any more.
const USABLE = 0.9;

interface Signed {
  target: PartTarget;
  /** By this computer's clock. */
  usableUntil: number;
}

/**
 * Signed URLs of the parts that come next, got in batches so that a file of 10,000 parts takes some
 * dozens of requests. A URL is used once: a part that failed gets a new one.
 */
export class PartUrls {
  readonly #sign: SignParts;
  readonly #batch: number;
  readonly #targets = new Map<number, Signed>();
  readonly #signing = new Map<number, Promise<void>>();

  constructor(sign: SignParts, batch: number, first: PartTarget[] = []) {
    this.#sign = sign;
    this.#batch = batch;
    this.#add(first);
  }

  /** Returns the target of a part. `next` are the parts that will be sent after it. */
  async take(partNumber: number, next: Iterable<number>): Promise<PartTarget> {
    for (;;) {
      const signed = this.#targets.get(partNumber);
      this.#targets.delete(partNumber);
      if (signed !== undefined && Date.now() < signed.usableUntil) return signed.target;
      await (this.#signing.get(partNumber) ?? this.#signBatch(partNumber, next));
    }
  }

  /** Drops what was signed in advance, after a URL was refused as expired. */
  clear(): void {
    this.#targets.clear();
  }

  #signBatch(partNumber: number, next: Iterable<number>): Promise<void> {
    const numbers = [partNumber];
    for (const number of next) {
      if (numbers.length >= this.#batch) break;
      if (number !== partNumber && !this.#targets.has(number) && !this.#signing.has(number)) {
        numbers.push(number);
      }
    }
    const signing = this.#sign(numbers)
      .then((targets) => {
        this.#add(targets);
        if (!this.#targets.has(partNumber)) {
          throw new Error(`no URL was signed for part ${partNumber}`);
        }
      })
      .finally(() => {
        for (const number of numbers) this.#signing.delete(number);
      });
    for (const number of numbers) this.#signing.set(number, signing);
    return signing;
  }

  #add(targets: PartTarget[]): void {
    for (const target of targets) {
      const usableUntil = Date.now() + lifetimeOf(target.url) * USABLE;
      this.#targets.set(target.partNumber, { target, usableUntil });
    }
  }
}

/** Returns the milliseconds that a presigned URL was signed for. It needs no clock of the server. */
function lifetimeOf(url: string): number {
  const seconds = Number(new URL(url).searchParams.get("X-Amz-Expires"));
  return seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY;
}
