/** How far an upload is. */
export interface UploadProgress {
  /** Bytes that the server holds, or that are on their way. */
  sent: number;
  /** Bytes of the file. */
  total: number;
  /** Bytes per second over the last seconds; 0 if nothing moves. */
  rate: number;
  /** Seconds that are left at this rate; undefined if nothing moves. */
  eta: number | undefined;
}

// Short enough to follow a change, long enough not to jump with each part.
const WINDOW = 8000;
const MIN_SPAN = 500;

/** Measures the rate of bytes over a sliding window of time. */
export class RateMeter {
  #samples: { time: number; bytes: number }[] = [];

  /** Notes that `bytes` have been sent in all. Fewer than before, after a failed part, starts anew. */
  note(bytes: number, time: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.reset();
    this.#samples.push({ time, bytes });
    while (this.#samples.length > 2 && (this.#samples[0]?.time ?? 0) < time - WINDOW) {
      this.#samples.shift();
    }
  }

  /** Returns bytes per second. */
  rate(time: number): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.time < time - WINDOW) return 0;
    const span = time - first.time;
    return span < MIN_SPAN ? 0 : ((last.bytes - first.bytes) * 1000) / span;
  }

  reset(): void {
    this.#samples = [];
  }
}
