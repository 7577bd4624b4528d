/**
 * Requests to the server this page came from. A request that the server no longer takes the
 * sign-in of waits until the user has signed in again, and is then sent once more.
 */
import { createClient, TidegateError } from "@tidegate/client";
import { session } from "../session/index.ts";
import { signInHeaders } from "../session/session.ts";

/** `fetch` with the headers of the sign-in, for addresses of this origin. */
export async function signedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  for (;;) {
    const used = await session.current();
    const copy = request.clone();
    for (const [name, value] of Object.entries(signInHeaders(used))) copy.headers.set(name, value);
    const response = await fetch(copy);
    if (response.status !== 401 || !(await session.renew(used))) return response;
  }
}

export const client = createClient({
  baseUrl: location.origin,
  fetch: signedFetch,
  retry: { retries: 2 },
});
export const api = client.api;

/** Waits for a call that has a response body, and returns it. Refusals are `TidegateError`s. */
export async function take<T>(call: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  const { data } = await call;
  if (data === undefined || data === null) {
    throw new TidegateError("server", "EMPTY", "the server's response has no body");
  }
  return data;
}
