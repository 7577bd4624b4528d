import { expect, test } from "vitest";
import { forEachId } from "./each.ts";

const ids = Array.from({ length: 20 }, (_, index) => `id${index}`);

test("all are done, some at a time, with progress", async () => {
  let running = 0;
  let most = 0;
  const progress: number[] = [];
  const outcome = await forEachId(
    ids,
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
    },
    (done) => progress.push(done),
  );
  expect(outcome.done.sort()).toEqual([...ids].sort());
  expect(outcome.failure).toBeUndefined();
  expect(most).toBe(6);
  expect(progress.at(-1)).toBe(20);
});

test("after a failure nothing new is begun, and what was done is said", async () => {
  const begun: string[] = [];
  const outcome = await forEachId(ids, async (id) => {
    begun.push(id);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (id === "id3") throw new Error("refused");
  });
  expect(outcome.failure).toEqual(new Error("refused"));
  expect(outcome.done).not.toContain("id3");
  expect(begun.length).toBeLessThan(ids.length);
});
