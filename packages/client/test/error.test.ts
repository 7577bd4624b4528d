import { describe, expect, test } from "vitest";
import { asTidegateError, errorOf, TidegateError } from "../src/error.js";

describe("errorOf", () => {
  test.each([
    [400, "BAD_REQUEST", "invalid"],
    [401, "UNAUTHENTICATED", "auth"],
    [403, "FORBIDDEN", "auth"],
    [404, "NOT_FOUND", "gone"],
    [409, "INVALID_STATE", "conflict"],
    [413, "TOO_LARGE", "size"],
    [413, "QUOTA_EXCEEDED", "quota"],
    [429, "RATE_LIMITED", "server"],
    [503, "STORE_UNAVAILABLE", "server"],
  ])("gives %i %s the kind %s", (status, code, kind) => {
    const body = JSON.stringify({ error: { code, message: "why" } });
    const error = errorOf(status, new Headers({ "x-request-id": "r1" }), body);
    expect(error).toMatchObject({ kind, code, message: "why", status, requestId: "r1" });
  });

  test("has the state of an archived object, and ignores what is none", () => {
    const refusal = (archive: unknown) =>
      errorOf(409, new Headers(), JSON.stringify({ error: { code: "ARCHIVED", archive } }));
    const archive = { state: "THAWING", requestedAt: "2026-11-30T10:00:00Z" };
    expect(refusal(archive)).toMatchObject({ kind: "conflict", code: "ARCHIVED", archive });
    for (const none of [undefined, null, "ARCHIVED", {}, { state: 1 }]) {
      expect(refusal(none).archive).toBeUndefined();
    }
  });

  test("reads the S3 door's XML", () => {
    const body =
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>expired</Message></Error>';
    const error = errorOf(403, new Headers(), body);
    expect(error).toMatchObject({ code: "AccessDenied", message: "expired", kind: "auth" });
  });

  test.each(["", "<html>Bad gateway", "null", "[]", '{"error":null}', '{"error":{"code":5}}', "{"])(
    "accepts %j as a body of no meaning",
    (body) => {
      const error = errorOf(502, new Headers(), body);
      expect(error).toMatchObject({ code: "HTTP_502", kind: "server", retryAfter: undefined });
    },
  );

  test.each([
    ["7", undefined, 7],
    ["Mon, 30 Nov 2026 10:00:30 GMT", "Mon, 30 Nov 2026 10:00:00 GMT", 30],
    ["Mon, 30 Nov 2026 09:00:00 GMT", "Mon, 30 Nov 2026 10:00:00 GMT", 0],
    ["soon", undefined, undefined],
    ["-5", undefined, undefined],
  ])("reads Retry-After: %s", (value, date, seconds) => {
    const headers = new Headers({ "retry-after": value });
    if (date !== undefined) headers.set("date", date);
    expect(errorOf(429, headers, "").retryAfter).toBe(seconds);
  });
});

test("asTidegateError tells aborts, changed files and networks apart", () => {
  expect(asTidegateError(new DOMException("", "AbortError")).kind).toBe("aborted");
  expect(asTidegateError(new DOMException("", "NotReadableError")).kind).toBe("changed");
  expect(asTidegateError(new TypeError("Failed to fetch")).kind).toBe("network");
  const own = new TidegateError("quota", "QUOTA_EXCEEDED", "full");
  expect(asTidegateError(own)).toBe(own);
});
