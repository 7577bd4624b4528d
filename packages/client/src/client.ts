import createFetchClient, { type Client, type Middleware } from "openapi-fetch";
import type { paths } from "./api.js";
import { ServerClock } from "./clock.js";
import { asTidegateError, errorOf, TidegateError } from "./error.js";
import { DEFAULT_RETRY, isTransient, type RetryOptions, retryDelay, sleep } from "./retry.js";

/** Returns the token of the signed-in user. `refresh` is true after the last one was refused with 401. */
export type TokenCallback = (refresh: boolean) => string | undefined | Promise<string | undefined>;

/** Settings of a client. */
export interface ClientOptions {
  /** Origin of the API, such as `https://files.example.com`. */
  baseUrl: string;
  /** Source of bearer tokens. Not needed by pages that sign in with the cookie `auth_token`. */
  token?: TokenCallback;
  /** Headers of each request to the API. They are never sent to presigned URLs. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** `include` sends and stores cookies of the API, also for pages of other origins. */
  credentials?: RequestCredentials;
  /** Replaces `globalThis.fetch`. */
  fetch?: typeof fetch;
  retry?: Partial<RetryOptions>;
}

/** A connection to the API of one server, as one user. */
export interface TidegateClient {
  readonly baseUrl: string;
  readonly credentials: RequestCredentials;
  readonly clock: ServerClock;
  /** All operations of `openapi.json`. Refusals reject with a `TidegateError`. */
  readonly api: Client<paths>;
  /**
   * Headers that sign a request to the API in. After a 401, `refused` are those that it had: a new token is
   * got then.
   */
  authHeaders(refused?: Record<string, string>): Promise<Record<string, string>>;
  /** `fetch` of the API, signed in and with retries. Refusals reject with a `TidegateError`. */
  fetch(request: Request): Promise<Response>;
}

/** Makes a client. No request is sent. */
export function createClient(options: ClientOptions): TidegateClient {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const credentials = options.credentials ?? "same-origin";
  const clock = new ServerClock();
  const send = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  const authHeaders = signIn(options);
  const apiFetch = withRetries({
    retry: { ...DEFAULT_RETRY, ...options.retry },
    authHeaders,
    canRefresh: options.token !== undefined,
    send: async (request) => {
      const response = await send(request);
      clock.observe(response.headers);
      return response;
    },
  });
  const api = createFetchClient<paths>({ baseUrl, credentials, fetch: apiFetch });
  api.use(THROW_ERRORS);
  return { baseUrl, credentials, clock, api, authHeaders, fetch: apiFetch };
}

/** Awaits a call of `client.api` and returns its data. */
export async function dataOf<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call;
  if (data === undefined) {
    throw new TidegateError("server", "EMPTY", "the server's response has no body");
  }
  return data;
}

// openapi-fetch wraps what its `fetch` throws only if a middleware returns something else.
const THROW_ERRORS: Middleware = { onError: ({ error }) => asTidegateError(error) };

function signIn(options: ClientOptions): TidegateClient["authHeaders"] {
  let refreshing: Promise<string | undefined> | undefined;
  let replaced: string | undefined;
  let replacement: string | undefined;

  /** Requests that are refused with the same token share one refresh, also if one is refused later. */
  const refresh = async (refused: string) => {
    if (refused === replaced && replacement !== undefined) return replacement;
    refreshing ??= ask(options, true).finally(() => {
      refreshing = undefined;
    });
    replacement = await refreshing;
    replaced = refused;
    return replacement;
  };
  const token = async (refused: string | undefined) => {
    if (refused !== undefined) return refresh(refused);
    const current = await ask(options, false);
    return current !== undefined && current === replaced ? replacement : current;
  };
  return async (refused) => {
    const { headers } = options;
    const own = typeof headers === "function" ? headers() : { ...headers };
    const bearer = await token(refused?.Authorization?.slice(BEARER.length));
    return bearer === undefined ? own : { ...own, Authorization: BEARER + bearer };
  };
}

const BEARER = "Bearer ";

async function ask({ token }: ClientOptions, refresh: boolean): Promise<string | undefined> {
  try {
    return await token?.(refresh);
  } catch (error) {
    if (error instanceof TidegateError) throw error;
    throw new TidegateError("auth", "NO_TOKEN", "there is no token", { cause: error });
  }
}

interface Sending {
  retry: RetryOptions;
  authHeaders: TidegateClient["authHeaders"];
  canRefresh: boolean;
  send(request: Request): Promise<Response>;
}

function withRetries(sending: Sending): (request: Request) => Promise<Response> {
  return async (request) => {
    let refreshed = false;
    let headers = await sending.authHeaders();
    for (let attempt = 0; ; attempt++) {
      const outcome = await attemptOnce(sending, request, headers);
      if (outcome instanceof Response) return outcome;
      if (outcome.status === 401 && sending.canRefresh && !refreshed) {
        refreshed = true;
        headers = await sending.authHeaders(headers);
        continue;
      }
      const more = attempt < sending.retry.retries && mayRetry(request, outcome, sending.retry);
      if (!more) throw outcome;
      await sleep(retryDelay(sending.retry, attempt, outcome.retryAfter), request.signal);
      headers = await sending.authHeaders();
    }
  };
}

async function attemptOnce(
  sending: Sending,
  request: Request,
  headers: Record<string, string>,
): Promise<Response | TidegateError> {
  const copy = request.clone();
  for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
  try {
    const response = await sending.send(copy);
    return response.ok
      ? response
      : errorOf(response.status, response.headers, await response.text());
  } catch (error) {
    return asTidegateError(error);
  }
}

/**
 * A request over the limit was not carried out, so any may be repeated, unless the limit holds for longer
 * than a caller waits, as that of thaws. Other requests are repeated only if that is safe.
 */
function mayRetry(request: Request, error: TidegateError, { maxDelay }: RetryOptions): boolean {
  if (error.status === 429) return (error.retryAfter ?? 0) * 1000 <= maxDelay;
  return isTransient(error) && isIdempotent(request);
}

// Operations that answer the same if they are asked again, by the description of the API.
const REPEATABLE_POST =
  /\/(abort|complete|confirm|refresh|parts|grant-cookies)$|^\/v1\/images\/[^/]+\/upload-url$/;

function isIdempotent(request: Request): boolean {
  if (request.method !== "POST") return true;
  return REPEATABLE_POST.test(new URL(request.url).pathname);
}
