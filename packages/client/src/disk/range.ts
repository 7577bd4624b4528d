import type { TidegateClient } from "../client.js";
import { asTidegateError, errorOf, TidegateError } from "../error.js";
import { isTransient, type RetryOptions, retryDelay, sleep } from "../retry.js";
import { changedError, type GrantKeeper, type ReadGrant } from "./grant.js";

/** What reads of ranges need. */
export interface RangeSource {
  client: TidegateClient;
  grants: GrantKeeper;
  retry: RetryOptions;
  /** Replaces `globalThis.fetch` for reads at the edge. */
  fetch: (request: Request) => Promise<Response>;
}

/**
 * Reads the bytes from `start` to before `end`, in pieces as they arrive. A connection that breaks is
 * continued where it broke; a grant that ended is renewed. Both only a few times without any byte between.
 */
export async function* readRange(
  source: RangeSource,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = start;
  let failures = 0;
  let refused = false;
  let grant = await source.grants.get();
  while (position < end) {
    const request = new AbortController();
    try {
      const body = await openRange(
        source,
        grant,
        position,
        end,
        AbortSignal.any([signal, request.signal]),
      );
      const reader = body.getReader();
      for (;;) {
        const { done, value: piece } = await reader.read();
        if (done) break;
        if (position + piece.length > end) throw wrongResponse("it has more bytes than its range");
        position += piece.length;
        failures = 0;
        refused = false;
        yield piece;
      }
      if (position < end) throw new TidegateError("network", "CUT", "the response ended early");
    } catch (caught) {
      const error = asTidegateError(caught);
      const ended = error.status === 401 || error.status === 403;
      if (ended && !refused && grant.auth !== "none") {
        refused = true;
        grant = await source.grants.replace(grant);
        continue;
      }
      if (!isTransient(error) || failures >= source.retry.retries) throw error;
      await sleep(retryDelay(source.retry, failures++, error.retryAfter), signal);
      grant = await source.grants.get();
    } finally {
      // A reader that stops early must not leave the rest of the bytes coming.
      request.abort();
    }
  }
}

async function openRange(
  source: RangeSource,
  grant: ReadGrant,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const headers = { Range: `bytes=${start}-${end - 1}`, "If-Range": grant.etag };
  const credentials = grant.auth === "cookie" ? "include" : "omit";
  // A grant may end at a moment that the browser's cache does not know; ranges are cached here.
  const request = new Request(grant.url, { headers, credentials, signal, cache: "no-store" });
  const response = await (grant.auth === "none"
    ? source.client.fetch(new Request(request, { credentials: source.client.credentials }))
    : source.fetch(request));
  if (response.status === 416) throw changedError();
  if (!response.ok) throw errorOf(response.status, response.headers, await response.text());
  checkRange(response, grant, start, end);
  if (response.body === null) throw wrongResponse("it has no body");
  return response.body;
}

/** Throws unless the response is exactly the range that was asked for, of the object that was opened. */
function checkRange(response: Response, grant: ReadGrant, start: number, end: number): void {
  const { headers, status } = response;
  const etag = headers.get("etag");
  if (etag !== null && etag !== grant.etag) throw changedError();
  // With `If-Range`, the whole object instead of the range means that it is another one.
  if (status === 200 && etag === null) throw changedError();
  if (status !== 206) throw wrongResponse(`its status is ${status} instead of 206`);
  if (etag === null) throw wrongResponse("its ETag is missing or not exposed to this page");
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity")
    throw wrongResponse(`it is encoded: ${encoding}`);
  const range = headers.get("content-range");
  if (range === null)
    throw wrongResponse("its Content-Range is missing or not exposed to this page");
  if (range !== `bytes ${start}-${end - 1}/${grant.size}`) {
    throw wrongResponse(`its Content-Range is ${range}`);
  }
}

function wrongResponse(what: string): TidegateError {
  return new TidegateError("invalid", "WRONG_RESPONSE", `the response can't be used: ${what}`);
}
