import type { components } from "./api.js";

/** The state of an object in an archive of the bucket. */
export type ArchiveStatus = components["schemas"]["ArchiveStatus"];

/** The reason of a failure, by which a caller chooses what to do or what to say. */
export type ErrorKind =
  /** The caller aborted it. */
  | "aborted"
  /** Not signed in, or not allowed. */
  | "auth"
  /** The object, or the file on this computer, is no longer the one it was. */
  | "changed"
  /** The state of the thing does not allow it now. */
  | "conflict"
  /** It does not exist, or no longer. */
  | "gone"
  /** The request is wrong; sending it again does not help. */
  | "invalid"
  /** No response came. */
  | "network"
  /** The quota is used up. */
  | "quota"
  /** The server failed or is busy; another attempt may help. */
  | "server"
  /** The file is too large. */
  | "size"
  /** Files of this type are not accepted. */
  | "type";

/** What is known of a failure besides its code and message. */
export interface ErrorFacts {
  /** HTTP status, or 0 if no response came. */
  status?: number;
  /** Id under which the server logged the request. */
  requestId?: string | undefined;
  /** Seconds after which the server allows another attempt. */
  retryAfter?: number | undefined;
  /** State of the archive that the bytes are in; with the code `ARCHIVED`. */
  archive?: ArchiveStatus | undefined;
  cause?: unknown;
}

/** The one error class of this package. */
export class TidegateError extends Error {
  override readonly name = "TidegateError";
  readonly kind: ErrorKind;
  /** A stable code: the server's, such as `QUOTA_EXCEEDED`, or this package's, such as `NETWORK`. */
  readonly code: string;
  /** HTTP status, or 0 if no response came. */
  readonly status: number;
  readonly requestId: string | undefined;
  /** Seconds after which the server allows another attempt. */
  readonly retryAfter: number | undefined;
  /** State of the archive that the bytes are in; with the code `ARCHIVED`. */
  readonly archive: ArchiveStatus | undefined;

  constructor(kind: ErrorKind, code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.code = code;
    this.status = facts.status ?? 0;
    this.requestId = facts.requestId;
    this.retryAfter = facts.retryAfter;
    this.archive = facts.archive;
  }
}

/** Returns the kind that a status and the server's code stand for. */
export function errorKind(status: number, code: string): ErrorKind {
  if (code === "QUOTA_EXCEEDED") return "quota";
  if (status === 401 || status === 403) return "auth";
  if (status === 404 || status === 410) return "gone";
  if (status === 409 || status === 412) return "conflict";
  if (status === 413) return "size";
  if (status === 415) return "type";
  if (status === 429 || status >= 500) return "server";
  return "invalid";
}

/**
 * Returns the error that a refusal stands for. Reads JSON of the API, XML of the S3 door, and anything
 * else as text of no meaning.
 */
export function errorOf(status: number, headers: Headers, body: string): TidegateError {
  const { code, message, archive } = parseBody(body);
  return new TidegateError(
    errorKind(status, code ?? ""),
    code ?? `HTTP_${status}`,
    message ?? `the server answered ${status}`,
    {
      status,
      requestId: headers.get("x-request-id") ?? undefined,
      retryAfter: parseRetryAfter(headers.get("retry-after"), headers.get("date")),
      archive,
    },
  );
}

interface ParsedBody {
  code?: string | undefined;
  message?: string | undefined;
  archive?: ArchiveStatus | undefined;
}

function parseBody(body: string): ParsedBody {
  if (body.trimStart().startsWith("<")) {
    return { code: xmlText(body, "Code"), message: xmlText(body, "Message") };
  }
  try {
    const error = (JSON.parse(body) as { error?: unknown } | null)?.error;
    if (typeof error !== "object" || error === null) return {};
    const { code, message, archive } = error as Record<string, unknown>;
    return {
      code: typeof code === "string" ? code : undefined,
      message: typeof message === "string" ? message : undefined,
      archive: parseArchive(archive),
    };
  } catch {
    // A proxy's page; the status says enough.
    return {};
  }
}

function parseArchive(archive: unknown): ArchiveStatus | undefined {
  if (typeof archive !== "object" || archive === null) return undefined;
  return typeof (archive as Partial<ArchiveStatus>).state === "string"
    ? (archive as ArchiveStatus)
    : undefined;
}

function xmlText(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]{1,1000})</${name}>`).exec(xml)?.[1];
}

/** Returns seconds, from a number of them or from a date (RFC 9110, section 10.2.3). */
function parseRetryAfter(value: string | null, date: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  // `Date.parse` makes a date of almost any number.
  const until = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  const now = date === null ? Date.now() : Date.parse(date);
  return Number.isNaN(until) || Number.isNaN(now) ? undefined : Math.max(0, (until - now) / 1000);
}

/** Returns `error` as a `TidegateError`: an abort, or a request to which no response came. */
export function asTidegateError(error: unknown): TidegateError {
  if (error instanceof TidegateError) return error;
  const name = error instanceof Error ? error.name : "";
  if (name === "AbortError") return abortedError(error);
  if (name === "NotReadableError" || name === "NotFoundError") {
    return new TidegateError("changed", "FILE_CHANGED", "the file was changed or removed", {
      cause: error,
    });
  }
  return new TidegateError("network", "NETWORK", "no response from the server", { cause: error });
}

/** Returns the error of an abort. */
export function abortedError(cause?: unknown): TidegateError {
  return new TidegateError("aborted", "ABORTED", "aborted", { cause });
}
