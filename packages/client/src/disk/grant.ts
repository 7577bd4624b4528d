import { dataOf, type TidegateClient } from "../client.js";
import { renewalDelay, type ServerClock } from "../clock.js";
import { TidegateError } from "../error.js";

/** What authorizes reads of one object. */
export interface ReadGrant {
  url: string;
  /** Bytes of the object. */
  size: number;
  /** Strong ETag, with quotes. */
  etag: string;
  /** `cookie`: the browser's cookies open `url`; `url`: its signature does; `none`: the API's own sign-in. */
  auth: "cookie" | "url" | "none";
  /** Milliseconds since the epoch, by the server's clock. */
  expiresAt?: number;
  /** Milliseconds since the epoch from which another grant ends later. */
  refreshAfter?: number;
}

/** Gets a new grant. */
export type LoadGrant = (signal: AbortSignal) => Promise<ReadGrant>;

/** Returns what gets grants of a disk image. In cookie mode the response also sets the cookies. */
export function diskGrants(client: TidegateClient, imageId: string): LoadGrant {
  return async (signal) => {
    const { url, size, etag, auth } = await dataOf(
      client.api.GET("/v1/images/{id}/stream-url", {
        params: { path: { id: imageId } },
        credentials: "include",
        signal,
      }),
    );
    if (auth.type === "none") return { url, size, etag, auth: "none" };
    const { type, expiresAt, refreshAfter } = auth;
    return {
      url,
      size,
      etag,
      auth: type as "cookie" | "url",
      expiresAt: Date.parse(expiresAt),
      refreshAfter: Date.parse(refreshAfter),
    };
  };
}

/** Holds the grant of one object and renews it. Every grant must be of the same bytes. */
export class GrantKeeper {
  readonly #load: LoadGrant;
  readonly #clock: ServerClock;
  readonly #controller = new AbortController();
  #first: ReadGrant | undefined;
  #grant: ReadGrant | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #loading: Promise<ReadGrant> | undefined;

  constructor(load: LoadGrant, clock: ServerClock) {
    this.#load = load;
    this.#clock = clock;
  }

  /** Returns the grant. One that is due for renewal still works; it is renewed beside the read. */
  async get(): Promise<ReadGrant> {
    if (this.#grant === undefined) return this.#renewal();
    if (Date.now() >= this.#dueAt) {
      // A read that is refused renews again and says why that fails.
      this.#renewal().catch(() => undefined);
    }
    return this.#grant;
  }

  /** Returns a newer grant than `refused`, which the edge did not accept. */
  async replace(refused: ReadGrant): Promise<ReadGrant> {
    if (this.#grant !== undefined && this.#grant !== refused) return this.#grant;
    return this.#renewal();
  }

  /** Ends requests for grants. */
  close(): void {
    this.#controller.abort();
  }

  #renewal(): Promise<ReadGrant> {
    this.#loading ??= this.#loadAndCheck().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadAndCheck(): Promise<ReadGrant> {
    const grant = await this.#load(this.#controller.signal);
    this.#first ??= grant;
    if (grant.etag !== this.#first.etag || grant.size !== this.#first.size) throw changedError();
    this.#grant = grant;
    const { refreshAfter, expiresAt } = grant;
    if (refreshAfter !== undefined && expiresAt !== undefined) {
      this.#dueAt = Date.now() + renewalDelay(this.#clock, refreshAfter, expiresAt);
    }
    return grant;
  }
}

/** Returns the error of an object that is not the one whose reading began. */
export function changedError(): TidegateError {
  return new TidegateError(
    "changed",
    "OBJECT_CHANGED",
    "the object has changed since it was opened",
  );
}
