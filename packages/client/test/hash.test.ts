import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hashBlob } from "../src/upload/hash.js";
import { Hasher } from "../src/upload/hasher.js";

const MIB = 1024 * 1024;

test.each([0, 1, 4 * MIB, 4 * MIB + 1, 33 * MIB])(
  "digests of %i bytes are those of Node",
  async (size) => {
    const bytes = randomBytes(size);
    const blob = new Blob([bytes]);
    for (const algorithm of ["md5", "sha256"] as const) {
      expect(await hashBlob(blob, algorithm)).toBe(
        createHash(algorithm).update(bytes).digest("hex"),
      );
    }
  },
);

test("stops when it is told to", async () => {
  const blob = new Blob([randomBytes(40 * MIB)]);
  await expect(hashBlob(blob, "md5", () => true)).rejects.toMatchObject({ name: "AbortError" });
  const aborted = new Hasher().digest(blob, "md5", AbortSignal.abort());
  await expect(aborted).rejects.toMatchObject({ kind: "aborted" });
});

test("hashes in the page if a policy refuses the worker", async () => {
  const hasher = new Hasher(() => {
    throw new TypeError("This document requires TrustedScriptURL");
  });
  const digest = await hasher.digest(new Blob(["abc"]), "md5", new AbortController().signal);
  expect(digest).toBe("900150983cd24fb0d6963f7d28e17f72");
});
