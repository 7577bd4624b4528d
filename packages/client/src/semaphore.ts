import { abortedError } from "./error.js";

/** Limits how many tasks run at once. Tasks run in the order in which they came. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Runs `task` once there is room. Rejects without running it if `signal` is aborted before. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.#acquire(signal);
    try {
      return await task();
    } finally {
      this.#release();
    }
  }

  #acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortedError(signal.reason));
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(next);
        reject(abortedError(signal.reason));
      };
      const next = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      this.#waiting.add(next);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
