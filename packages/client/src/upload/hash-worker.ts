// A web worker that hashes blobs, so that the page stays responsive. Speaks the messages of `hasher.ts`.
import { hashBlob } from "./hash.js";
import type { HashReply, HashRequest } from "./hasher.js";

const stopped = new Set<number>();

self.addEventListener("message", async ({ data }: MessageEvent<HashRequest>) => {
  if (data.blob === undefined) {
    stopped.add(data.id);
    return;
  }
  let reply: HashReply;
  try {
    const digest = await hashBlob(data.blob, data.algorithm, () => stopped.has(data.id));
    reply = { id: data.id, digest };
  } catch (error) {
    const { name, message } = error as Error;
    reply = { id: data.id, error: { name, message } };
  }
  stopped.delete(data.id);
  self.postMessage(reply);
});
