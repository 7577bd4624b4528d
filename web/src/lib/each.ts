/** Does the same to many things, some at a time. */

const PARALLEL = 6;

export interface Outcome {
  done: string[];
  /** The first failure; nothing new was begun after it. */
  failure: unknown;
}

/** Calls `act` for each id, and `onProgress` with how many are done. Never rejects. */
export async function forEachId(
  ids: Iterable<string>,
  act: (id: string) => Promise<unknown>,
  onProgress?: (done: number) => void,
): Promise<Outcome> {
  const left = ids[Symbol.iterator]();
  const outcome: Outcome = { done: [], failure: undefined };
  async function work(): Promise<void> {
    for (let next = left.next(); !next.done; next = left.next()) {
      try {
        await act(next.value);
      } catch (failure) {
        outcome.failure ??= failure;
        return;
      }
      outcome.done.push(next.value);
      onProgress?.(outcome.done.length);
      if (outcome.failure !== undefined) return;
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return outcome;
}
