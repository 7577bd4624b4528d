import { TidegateError } from "../../error.js";

/** Returns undefined for a thing that is gone, not the caller's, or past the state that was asked for. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof TidegateError && [403, 404, 409, 410].includes(error.status)) {
      return undefined;
    }
    throw error;
  }
}

/** Returns undefined if the server says that the bytes have not arrived. */
export async function unlessIncomplete<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await unlessGone(call);
  } catch (error) {
    if (error instanceof TidegateError && error.status === 400) return undefined;
    throw error;
  }
}

/** Returns what was signed again; rejects with the kind `gone` if the upload has ended. */
export async function signOrBeginAnew<T>(signing: Promise<T>): Promise<T> {
  const signed = await unlessGone(signing);
  if (signed === undefined) throw urlExpired();
  return signed;
}

/** Returns the error of an upload of one request whose URL has ended; the server signs no other. */
export function urlExpired(): TidegateError {
  return new TidegateError("gone", "UPLOAD_URL_EXPIRED", "the URL of the upload has expired");
}
