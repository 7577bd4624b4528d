import { TidegateError } from "@tidegate/client";
import { expect, test } from "vitest";
import { mayPassLater } from "./retry.ts";

test.each([
  ["invalid", "INVALID_REQUEST", 400],
  ["invalid", "UNPROCESSABLE", 422],
  ["size", "TOO_LARGE", 413],
  ["type", "UNSUPPORTED_TYPE", 415],
  ["type", "TYPE_NOT_ACCEPTED", 0],
  ["changed", "FILE_CHANGED", 0],
  ["server", "NOT_IMPLEMENTED", 501],
] as const)("%s (%s, %i) is refused for good", (kind, code, status) => {
  expect(mayPassLater(new TidegateError(kind, code, "", { status }))).toBe(false);
});

test.each([
  ["network", "NETWORK", 0],
  ["server", "STORE_UNAVAILABLE", 503],
  ["server", "RATE_LIMITED", 429],
  ["quota", "QUOTA_EXCEEDED", 413],
  ["auth", "FORBIDDEN", 403],
  ["conflict", "INVALID_STATE", 409],
  ["gone", "UPLOAD_URL_EXPIRED", 0],
  ["invalid", "HTTP_408", 408],
  ["invalid", "BadDigest", 400],
] as const)("%s (%s, %i) may pass later", (kind, code, status) => {
  expect(mayPassLater(new TidegateError(kind, code, "", { status }))).toBe(true);
});
