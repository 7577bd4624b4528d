/**
 * Runs `task` while no other tab of this origin uploads the same file to the same place. `onWait` is
 * called if another one does. Without Web Locks (pages that are not secure contexts), `task` runs at once:
 * two tabs then send the same parts of the same upload, which the server holds once.
 */
export async function withUploadLock<T>(
  key: string,
  signal: AbortSignal,
  onWait: () => void,
  task: () => Promise<T>,
): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return task();
  const name = `tidegate-upload:${key}`;
  const UNAVAILABLE = Symbol("unavailable");
  const tried = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock === null ? UNAVAILABLE : task(),
  );
  if (tried !== UNAVAILABLE) return tried as T;
  onWait();
  return (await locks.request(name, { signal }, task)) as T;
}
