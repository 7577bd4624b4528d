import { asTidegateError, errorOf, TidegateError } from "../error.js";

/** One PUT of bytes. */
export interface PutRequest {
  url: string;
  headers: Record<string, string>;
  body: Blob;
  signal: AbortSignal;
  credentials: boolean;
  /** Milliseconds without any progress after which the connection counts as broken. */
  stallTimeout: number;
  /** Called with the bytes that have left so far. */
  onProgress(bytes: number): void;
}

/** Sends bytes and returns the ETag of the response, or an empty string. */
export type PutBytes = (request: PutRequest) => Promise<string>;

// Browsers set these themselves and refuse them from a page.
const FORBIDDEN_HEADERS = new Set(["content-length", "host"]);

/** Sends bytes by XMLHttpRequest where there is one, because `fetch` reports no progress of uploads. */
export const putBytes: PutBytes = (request) =>
  typeof XMLHttpRequest === "undefined" ? putByFetch(request) : putByXhr(request);

function putByXhr(request: PutRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", request.url);
    xhr.withCredentials = request.credentials;
    for (const [name, value] of Object.entries(request.headers)) {
      if (!FORBIDDEN_HEADERS.has(name.toLowerCase())) xhr.setRequestHeader(name, value);
    }
    let stalled: ReturnType<typeof setTimeout>;
    const watch = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => fail(stalledError()), request.stallTimeout);
    };
    const abort = () => fail(asTidegateError(new DOMException("aborted", "AbortError")));
    const finish = () => {
      clearTimeout(stalled);
      request.signal.removeEventListener("abort", abort);
    };
    const fail = (error: TidegateError) => {
      finish();
      reject(error);
      xhr.abort();
    };
    xhr.upload.onprogress = (event) => {
      watch();
      request.onProgress(event.loaded);
    };
    xhr.onload = () => {
      finish();
      if (xhr.status >= 200 && xhr.status < 300) resolve(headerOf(xhr, "etag") ?? "");
      else reject(errorOf(xhr.status, headersOf(xhr), xhr.responseText));
    };
    // A file that was changed on disk fails the same way as a connection.
    xhr.onerror = () => {
      finish();
      readable(request.body).then(
        () => reject(new TidegateError("network", "NETWORK", "no response from the server")),
        (error: unknown) => reject(asTidegateError(error)),
      );
    };
    request.signal.addEventListener("abort", abort, { once: true });
    if (request.signal.aborted) {
      abort();
      return;
    }
    watch();
    xhr.send(request.body);
  });
}

function stalledError(): TidegateError {
  return new TidegateError("network", "STALLED", "the connection stopped moving bytes");
}

/** Reads one byte, which rejects if the browser no longer gives the file out. */
function readable(blob: Blob): Promise<ArrayBuffer> {
  return blob.slice(0, 1).arrayBuffer();
}

const READ_HEADERS = ["x-request-id", "retry-after", "date"];

function headersOf(xhr: XMLHttpRequest): Headers {
  const headers = new Headers();
  for (const name of READ_HEADERS) {
    const value = headerOf(xhr, name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** Returns a header that the page may see. Chromium logs an error for each other that is asked for. */
function headerOf(xhr: XMLHttpRequest, name: string): string | null {
  const line = new RegExp(`^${name}:\\s*(.*?)\\s*$`, "im").exec(xhr.getAllResponseHeaders());
  return line?.[1] ?? null;
}

async function putByFetch(request: PutRequest): Promise<string> {
  let response: Response;
  const headers = Object.entries(request.headers).filter(
    ([name]) => !FORBIDDEN_HEADERS.has(name.toLowerCase()),
  );
  try {
    response = await fetch(request.url, {
      method: "PUT",
      headers,
      body: request.body,
      signal: request.signal,
      credentials: request.credentials ? "include" : "same-origin",
    });
  } catch (error) {
    throw asTidegateError(error);
  }
  if (!response.ok) throw errorOf(response.status, response.headers, await response.text());
  request.onProgress(request.body.size);
  return response.headers.get("etag") ?? "";
}
