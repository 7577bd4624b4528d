import { abortedError, asTidegateError, type TidegateError } from "../error.js";
import { isTransient, type RetryOptions, retryDelay } from "../retry.js";

// S3 says these with 400 though the same request may succeed.
const TRANSIENT_CODES = new Set(["RequestTimeout", "IncompleteBody", "BadDigest"]);

/** Repeats what fails for a while only, as long as an upload moves at all. */
export class RetryLoop {
  readonly #retry: RetryOptions;
  readonly #giveUpAfter: number;
  readonly #signal: AbortSignal;
  #lastProgress = Date.now();

  /** `giveUpAfter` are the milliseconds without progress after which a failure counts as final. */
  constructor(retry: RetryOptions, giveUpAfter: number, signal: AbortSignal) {
    this.#retry = retry;
    this.#giveUpAfter = giveUpAfter;
    this.#signal = signal;
  }

  /** Notes that bytes have moved. */
  progressed(): void {
    this.#lastProgress = Date.now();
  }

  /** Repeats a call of the API until it succeeds or is refused for good. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        await this.wait(asTidegateError(error), attempt);
      }
    }
  }

  /** Waits before attempt number `attempt + 1`, or throws `error` if waiting does not help. */
  async wait(error: TidegateError, attempt: number): Promise<void> {
    if (this.#signal.aborted) throw abortedError(this.#signal.reason);
    const transient = isTransient(error) || TRANSIENT_CODES.has(error.code);
    if (!transient || Date.now() - this.#lastProgress > this.#giveUpAfter) throw error;
    await waitForNetwork(retryDelay(this.#retry, attempt, error.retryAfter), this.#signal);
  }
}

/** Waits, but no longer than until the browser says that it is online again. */
function waitForNetwork(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", finish);
      signal.removeEventListener("abort", finish);
      if (signal.aborted) reject(abortedError(signal.reason));
      else resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    globalThis.addEventListener?.("online", finish);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}
