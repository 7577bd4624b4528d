/** Reasons of a failure by which a caller chooses what to do or to say. */
export type ErrorKind =
  | "aborted"
  | "auth"
  | "changed"
  | "conflict"
  | "gone"
  | "invalid"
  | "network"
  | "quota"
  | "server"
  | "size"
  | "type";

/** What is known of a failure besides its code and message. */
export interface ErrorFacts {
  /** HTTP status, or 0 if no response came. */
  status?: number;
  /** Id under which the server logged the request. */
  requestId?: string | undefined;
  /** Seconds after which the server allows another attempt. */
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** The one error of this package. */
export class TidegateError extends Error {
  override readonly name = "TidegateError";
  readonly kind: ErrorKind;
  /** Stable code of the server, such as `QUOTA_EXCEEDED`, or of this package, such as `NETWORK`. */
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(kind: ErrorKind, code: string, message: string, facts: ErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.code = code;
    this.status = facts.status ?? 0;
    this.requestId = facts.requestId;
    this.retryAfter = facts.retryAfter;
  }
}
