import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  createClient,
  memoryHints,
  type StoredPart,
  TidegateError,
  Uploader,
  type UploaderOptions,
  type UploadSource,
  type UploadSurface,
} from "../src/index.js";
import { serve } from "./http.js";

/** What a part's PUT is answered with; nothing means that it is stored. */
export type PartAnswer = { status: number; code?: string } | "cut" | "hang" | undefined;

/** A surface of three-byte parts whose store is a real HTTP server in the test. */
export class FakeSurface implements UploadSurface<string> {
  target = "fake";
  checksum: UploadSurface<string>["checksum"] = "never";
  partEtagsAreMd5 = true;
  validate?: NonNullable<UploadSurface<string>["validate"]>;
  partSize = 3;
  /** Whether `find` lists parts. */
  lists = true;
  signIn = false;
  /** Seconds that URLs are signed for. */
  lifetime: number | undefined;
  readonly calls: string[] = [];
  readonly uploads = new Map<string, Map<number, Buffer>>();
  /** Decides what becomes of a PUT. */
  answer: (part: number, request: IncomingMessage) => PartAnswer = () => undefined;
  onComplete: (id: string, sha256: string | undefined) => void = () => undefined;
  /** PUTs that are under way, and the most there were. */
  open = 0;
  peak = 0;
  /** Delay of each PUT in milliseconds. */
  delay = 0;
  origin = "";
  #count = 0;

  static async start(): Promise<FakeSurface> {
    const surface = new FakeSurface();
    surface.origin = await serve(async (request, response) => {
      const [, id = "", number = ""] = new URL(request.url ?? "", surface.origin).pathname.split(
        "/",
      );
      const part = Number(number);
      surface.calls.push(`put ${part}`);
      surface.peak = Math.max(surface.peak, ++surface.open);
      if (surface.delay > 0) await new Promise((resolve) => setTimeout(resolve, surface.delay));
      surface.open--;
      const answer = surface.answer(part, request);
      if (answer === "hang") return;
      if (answer === "cut") {
        request.socket.destroy();
        return;
      }
      const stored = surface.uploads.get(id);
      const status = answer?.status ?? (stored === undefined ? 404 : 200);
      if (status !== 200) {
        response.writeHead(status);
        response.end(`<Error><Code>${answer?.code ?? "NoSuchUpload"}</Code></Error>`);
        return;
      }
      stored?.set(part, request.body);
      response.writeHead(200, { ETag: `"${md5(request.body)}"` });
      response.end();
    });
    return surface;
  }

  async begin(): Promise<{ handle: { id: string }; partSize: number }> {
    this.calls.push("begin");
    const id = `u${++this.#count}`;
    this.uploads.set(id, new Map());
    return { handle: { id }, partSize: this.partSize };
  }

  async find({ id = "" }: Record<string, string>) {
    this.calls.push("find");
    const stored = this.uploads.get(id);
    if (stored === undefined) return undefined;
    const parts: StoredPart[] = [...stored].map(([partNumber, bytes]) => {
      return { partNumber, size: bytes.length, etag: `"${md5(bytes)}"` };
    });
    return { handle: { id }, partSize: this.partSize, parts: this.lists ? parts : undefined };
  }

  async sign({ id }: Record<string, string>, partNumbers: number[]) {
    this.calls.push(`sign ${partNumbers.join()}`);
    const query = this.lifetime === undefined ? "" : `?X-Amz-Expires=${this.lifetime}`;
    return partNumbers.map((partNumber) => {
      return { partNumber, url: `${this.origin}/${id}/${partNumber}${query}`, signIn: this.signIn };
    });
  }

  async complete({ id = "" }: Record<string, string>, parts: StoredPart[], sha256?: string) {
    this.calls.push("complete");
    this.onComplete(id, sha256);
    const stored = this.uploads.get(id);
    if (stored === undefined) throw new TidegateError("gone", "NOT_FOUND", "no such upload");
    const whole = parts.map(({ partNumber }) => stored.get(partNumber));
    if (whole.includes(undefined))
      throw new TidegateError("invalid", "BAD_REQUEST", "a part is missing");
    const bytes = Buffer.concat(whole as Buffer[]);
    if (sha256 !== undefined && createHash("sha256").update(bytes).digest("hex") !== sha256) {
      throw new TidegateError("invalid", "BAD_REQUEST", "the SHA-256 differs");
    }
    return bytes.toString();
  }

  async abort({ id = "" }: Record<string, string>) {
    this.calls.push("abort");
    this.uploads.delete(id);
  }

  /** Numbers of the parts that were sent, in order. */
  get puts(): number[] {
    return this.calls
      .filter((call) => call.startsWith("put "))
      .map((call) => Number(call.slice(4)));
  }
}

export function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Returns a file of this text. */
export function fileOf(text: string, name = "file.txt"): UploadSource {
  return { blob: new Blob([text]), name, type: "text/plain", lastModified: 1 };
}

/** Returns an uploader without delays. */
export function uploaderOf(surface: FakeSurface, options: UploaderOptions = {}): Uploader {
  const client = createClient({
    baseUrl: surface.origin,
    token: (refresh) => (refresh ? "new" : "old"),
  });
  return new Uploader(client, {
    hints: memoryHints(),
    retry: { firstDelay: 1, maxDelay: 5 },
    ...options,
  });
}
