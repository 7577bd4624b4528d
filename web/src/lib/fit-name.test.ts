import { expect, test } from "vitest";
import { fitName } from "./fit-name.ts";

test("a name that fits is left as it is, and says when it is full", () => {
  expect(fitName("abc", 4)).toEqual({ name: "abc", full: false });
  expect(fitName("abcd", 4)).toEqual({ name: "abcd", full: true });
  expect(fitName("", 4)).toEqual({ name: "", full: false });
});

test("what does not fit is cut between characters, by their bytes", () => {
  expect(fitName("abcde", 4)).toEqual({ name: "abcd", full: true });
  expect(fitName("ääää", 5)).toEqual({ name: "ää", full: true });
  expect(fitName("a😀b", 4)).toEqual({ name: "a", full: true });
  // A letter and its accent, and a family of three.
  expect(fitName("ae\u0301", 3)).toEqual({ name: "a", full: true });
  expect(fitName("a👨‍👩‍👧", 12)).toEqual({ name: "a", full: true });
});
