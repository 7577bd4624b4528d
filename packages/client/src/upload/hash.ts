import { sha256 } from "@noble/hashes/sha2.js";
import SparkMD5 from "spark-md5";

/** Algorithms of `hashBlob`. */
export type HashAlgorithm = "md5" | "sha256";

const SLICE = 4 * 1024 * 1024;
// The browser's own SHA-256 is faster, but wants all bytes at once.
const WHOLE = 32 * 1024 * 1024;

/**
 * Returns the digest of a blob in hexadecimal digits. Reads it in slices, so that memory does not grow
 * with its size. `stopped` is asked between slices.
 */
export async function hashBlob(
  blob: Blob,
  algorithm: HashAlgorithm,
  stopped: () => boolean = () => false,
): Promise<string> {
  // Pages that are not secure contexts have no `crypto.subtle`.
  if (algorithm === "sha256" && blob.size <= WHOLE && globalThis.crypto?.subtle !== undefined) {
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));
  }
  const hash = algorithm === "md5" ? md5() : streamingSha256();
  for (let offset = 0; offset < blob.size; offset += SLICE) {
    if (stopped()) throw new DOMException("aborted", "AbortError");
    hash.update(await blob.slice(offset, offset + SLICE).arrayBuffer());
  }
  return hash.digest();
}

function md5() {
  const hash = new SparkMD5.ArrayBuffer();
  return { update: (bytes: ArrayBuffer) => void hash.append(bytes), digest: () => hash.end() };
}

function streamingSha256() {
  const hash = sha256.create();
  return {
    update: (bytes: ArrayBuffer) => void hash.update(new Uint8Array(bytes)),
    digest: () => hex(hash.digest()),
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
