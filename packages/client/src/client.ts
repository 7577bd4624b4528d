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
  /** Headers that sign a request to the API in. */
  authHeaders(refresh?: boolean): Promise<Record<string, string>>;
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
  const token = async (refresh: boolean) => {
    if (!refresh) return refreshing ?? options.token?.(false);
    // Requests that are refused at the same time share one refresh.
    refreshing ??= Promise.resolve(options.token?.(true)).finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  };
  return async (refresh = false) => {
    const { headers } = options;
    const own = typeof headers === "function" ? headers() : { ...headers };
    const bearer = await token(refresh);
    return bearer === undefined ? own : { ...own, Authorization: `Bearer ${bearer}` };
  };
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
    let refresh = false;
    for (let attempt = 0; ; attempt++) {
      const error = await attemptOnce(sending, request, refresh);
      if (error instanceof Response) return error;
      refresh = error.status === 401 && sending.canRefresh && !refreshed;
      if (refresh) {
        refreshed = true;
        continue;
      }
      if (attempt >= sending.retry.retries || !mayRetry(request, error)) throw error;
      await sleep(retryDelay(sending.retry, attempt, error.retryAfter), request.signal);
    }
  };
}

async function attemptOnce(
  sending: Sending,
  request: Request,
  refresh: boolean,
): Promise<Response | TidegateError> {
  const headers = await sending.authHeaders(refresh);
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

/** A request over the limit was not carried out, so any may be repeated; others only if that is safe. */
function mayRetry(request: Request, error: TidegateError): boolean {
  if (error.status === 429) return true;
  return isTransient(error) && isIdempotent(request);
}

// Operations that answer the same if they are asked again, by the description of the API.
const REPEATABLE_POST =
  /\/(abort|complete|confirm|refresh|parts|grant-cookies)$|^\/v1\/images\/[^/]+\/upload-url$/;

function isIdempotent(request: Request): boolean {
  if (request.method !== "POST") return true;
  return REPEATABLE_POST.test(new URL(request.url).pathname);
}
