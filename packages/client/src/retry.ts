import { abortedError, type TidegateError } from "./error.js";

/** How often and how long after a failure another attempt is made. */
export interface RetryOptions {
  /** Attempts after the first. */
  retries: number;
  /** Milliseconds before the second attempt; doubled for each one after it. */
  firstDelay: number;
  /** Longest delay in milliseconds, also if the server asks for more. */
  maxDelay: number;
}

export const DEFAULT_RETRY: RetryOptions = { retries: 4, firstDelay: 500, maxDelay: 30_000 };

/**
 * Returns the milliseconds to wait after failure number `attempt`, from 0: what the server asked for, or
 * an exponential delay of which a random half is taken, so that clients do not return all at once.
 */
export function retryDelay(options: RetryOptions, attempt: number, retryAfter?: number): number {
  if (retryAfter !== undefined) return Math.min(retryAfter * 1000, options.maxDelay);
  const delay = Math.min(options.firstDelay * 2 ** Math.min(attempt, 30), options.maxDelay);
  return delay / 2 + (Math.random() * delay) / 2;
}

/** Whether the same request may succeed later without any change of it. */
export function isTransient(error: TidegateError): boolean {
  if (error.status === 507 || error.status === 501) return false;
  return error.kind === "network" || error.kind === "server" || error.status === 408;
}

/** Waits. Rejects at once if `signal` is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal.reason));
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(abortedError(signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
