/** A file that is uploaded, as a page holds it. */
export interface UploadSource {
  readonly blob: Blob;
  /** Name without folders. */
  readonly name: string;
  /** Media type; empty if unknown. */
  readonly type: string;
  /** Milliseconds since the epoch; 0 if unknown. */
  readonly lastModified: number;
}

/** Names an open upload of the server. It is stored in the browser, so it has no URL and no secret. */
export type UploadHandle = Record<string, string>;

/** Where one part goes. */
export interface PartTarget {
  partNumber: number;
  url: string;
  /** Headers that the URL requires. */
  headers?: Record<string, string>;
  /** Whether the URL is of the API, which wants to know who asks, instead of presigned. */
  signIn?: boolean;
}

/** A part that the server holds. */
export interface StoredPart {
  partNumber: number;
  /** Bytes. */
  size: number;
  /** As the server said it, or empty if it says none. */
  etag: string;
}

/** An upload that the server has begun. */
export interface OpenUpload {
  handle: UploadHandle;
  /** Bytes of each part but the last. The whole size if the bytes go in one request. */
  partSize: number;
  /** Targets that came with the response, so that small files need no request for them. */
  targets?: PartTarget[];
}

/** An upload that was found again: open, or completed in the meantime. */
export type FoundUpload<Result> = FoundOpenUpload | { result: Result };

/** An open upload that was found again. */
export interface FoundOpenUpload extends OpenUpload {
  /** Announced bytes, if the server says them. */
  size?: number | undefined;
  /** Parts that the server holds; undefined if it has no operation that lists them. */
  parts?: StoredPart[] | undefined;
}

/** When the SHA-256 of the whole file is sent, where the surface accepts one. */
export type ChecksumTime = "begin" | "complete" | "never";

/**
 * Calls of one surface of the API, such as disk images or a space. Everything else of an upload is the
 * same for all surfaces and is in `Upload`.
 */
export interface UploadSurface<Result> {
  /** Where uploads go, such as `space:{id}`. Uploads of other targets are never resumed for this one. */
  readonly target: string;
  readonly checksum: ChecksumTime;
  /** Whether ETags of parts are the MD5 of their bytes, by which stored parts are verified. */
  readonly partEtagsAreMd5: boolean;
  /** Throws if the server would refuse the file for its type or name. */
  validate?(source: UploadSource): void;
  /** Announces the file. */
  begin(source: UploadSource, sha256: string | undefined, signal: AbortSignal): Promise<OpenUpload>;
  /** Returns the upload, or undefined if it is no longer open or can't be continued. */
  find(
    handle: UploadHandle,
    source: UploadSource,
    signal: AbortSignal,
  ): Promise<FoundUpload<Result> | undefined>;
  /** Signs URLs of parts; rejects with the kind `gone` if the upload must begin anew. */
  sign(handle: UploadHandle, partNumbers: number[], signal: AbortSignal): Promise<PartTarget[]>;
  /** Publishes the file, or hands it to the server's scan. May be called again. */
  complete(
    handle: UploadHandle,
    parts: StoredPart[],
    sha256: string | undefined,
    signal: AbortSignal,
  ): Promise<Result>;
  /** Frees what the upload reserved. Does nothing if it is gone. */
  abort(handle: UploadHandle): Promise<void>;
}
