import { describe, expect, test } from "vitest";
import { createClient, dataOf, TidegateError } from "../src/index.js";
import { json, refuse, serve } from "./http.js";

const FAST = { firstDelay: 1, maxDelay: 20 };

describe("createClient", () => {
  test("sends headers and the token, and returns data", async () => {
    const seen: unknown[] = [];
    const baseUrl = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers["x-org-id"], request.url);
      json(response, 200, { spaces: [] });
    });
    const client = createClient({
      baseUrl: `${baseUrl}/`,
      token: () => "abc",
      headers: { "X-Org-Id": "lab" },
    });
    expect(await dataOf(client.api.GET("/api/spaces"))).toEqual({ spaces: [] });
    expect(seen).toEqual(["Bearer abc", "lab", "/api/spaces"]);
  });

  test("asks for one new token however many requests are refused, and repeats them", async () => {
    let refreshes = 0;
    const baseUrl = await serve((request, response) => {
      if (request.headers.authorization === "Bearer new") json(response, 200, { spaces: [] });
      else refuse(response, 401, "UNAUTHENTICATED");
    });
    const token = async (refresh: boolean) => {
      if (!refresh) return "old";
      refreshes++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return "new";
    };
    const { api } = createClient({ baseUrl, token });
    await Promise.all(Array.from({ length: 5 }, () => api.GET("/api/spaces")));
    expect(refreshes).toBe(1);
  });

  test("asks again once the new token is refused as well, and not for one refused late", async () => {
    let valid = "1";
    let refreshes = 0;
    const late: (() => void)[] = [];
    const baseUrl = await serve(async (request, response) => {
      const fine = request.headers.authorization === `Bearer ${valid}`;
      if (!fine && request.url === "/v1/images") await new Promise<void>((go) => late.push(go));
      if (fine) json(response, 200, { spaces: [], images: [] });
      else refuse(response, 401, "UNAUTHENTICATED");
    });
    const token = (refresh: boolean) => (refresh ? String(++refreshes) : "0");
    const { api } = createClient({ baseUrl, token });
    const slow = api.GET("/v1/images");
    await api.GET("/api/spaces");
    expect(refreshes).toBe(1);
    for (const go of late) go();
    await slow;
    expect(refreshes).toBe(1);
    valid = "2";
    await api.GET("/api/spaces");
    expect(refreshes).toBe(2);
  });

  test("says that there is no token if its source fails", async () => {
    const token = () => Promise.reject(new Error("signed out"));
    const { api } = createClient({ baseUrl: "http://127.0.0.1:9", token });
    await expect(api.GET("/api/spaces")).rejects.toMatchObject({ kind: "auth", code: "NO_TOKEN" });
  });

  test("gives a token that stays refused up", async () => {
    let requests = 0;
    const baseUrl = await serve((_request, response) => {
      requests++;
      refuse(response, 401, "UNAUTHENTICATED");
    });
    const { api } = createClient({ baseUrl, token: () => "bad", retry: FAST });
    await expect(api.GET("/api/spaces")).rejects.toMatchObject({ kind: "auth", status: 401 });
    expect(requests).toBe(2);
  });

  test("waits as long as Retry-After says, and no longer than the bound", async () => {
    const times: number[] = [];
    const baseUrl = await serve((_request, response) => {
      times.push(Date.now());
      if (times.length === 1) refuse(response, 429, "RATE_LIMITED", { "Retry-After": "1" });
      else if (times.length === 2) refuse(response, 503, "BUSY", { "Retry-After": "3600" });
      else json(response, 200, { spaces: [] });
    });
    const { api } = createClient({ baseUrl, retry: { maxDelay: 1200 } });
    await api.GET("/api/spaces");
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(990);
    expect(third - second).toBeGreaterThanOrEqual(1190);
    expect(third - second).toBeLessThan(5000);
  });

  test("does not wait for a limit that holds for longer than the bound", async () => {
    let requests = 0;
    const baseUrl = await serve((_request, response) => {
      requests++;
      refuse(response, 429, "RATE_LIMITED", { "Retry-After": "3600" });
    });
    const { api } = createClient({ baseUrl, retry: FAST });
    const thaw = api.POST("/v1/images/{id}/thaw", { params: { path: { id: "1" } } });
    await expect(thaw).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfter: 3600 });
    expect(requests).toBe(1);
  });

  test.each([
    ["POST", "/v1/sessions", 503, 1],
    ["POST", "/v1/sessions", 429, 3],
    ["POST", "/v1/images/1/complete", 503, 3],
    ["POST", "/v1/images/1/upload-url", 503, 3],
    ["GET", "/api/spaces", 503, 3],
    ["GET", "/api/spaces", 404, 1],
    ["DELETE", "/v1/images/1", 500, 3],
  ])("%s %s after %i sends %i requests", async (method, path, status, count) => {
    let requests = 0;
    const baseUrl = await serve((_request, response) => {
      requests++;
      refuse(response, status, "WHY");
    });
    const client = createClient({ baseUrl, retry: { retries: 2, ...FAST } });
    const body = method === "POST" ? "{}" : null;
    const sent = client.fetch(new Request(baseUrl + path, { method, body }));
    await expect(sent).rejects.toMatchObject({ status });
    expect(requests).toBe(count);
  });

  test("says what kind of failure a missing server is, and stops at once when aborted", async () => {
    const baseUrl = await serve((request) => void request.socket.destroy());
    const { api } = createClient({ baseUrl, retry: { retries: 1, ...FAST } });
    await expect(api.GET("/api/spaces")).rejects.toMatchObject({ kind: "network", status: 0 });
    const signal = AbortSignal.abort();
    await expect(api.GET("/api/spaces", { signal })).rejects.toMatchObject({ kind: "aborted" });
    await expect(api.GET("/api/spaces")).rejects.toBeInstanceOf(TidegateError);
  });

  test("learns the server's time", async () => {
    const baseUrl = await serve((_request, response) => {
      json(response, 200, {}, { Date: new Date(Date.now() - 3_600_000).toUTCString() });
    });
    const client = createClient({ baseUrl });
    expect(client.clock.known).toBe(false);
    await client.api.GET("/api/spaces");
    expect(client.clock.known).toBe(true);
    expect(Math.abs(client.clock.now() - (Date.now() - 3_600_000))).toBeLessThan(2000);
  });
});
