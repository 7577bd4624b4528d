import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type LoadedUrls, TidegateError, UrlKeeper, type UrlKeeperOptions } from "../src/index.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let keepers: UrlKeeper<string>[] = [];
afterEach(() => {
  for (const keeper of keepers) keeper.close();
  keepers = [];
});

/** A keeper whose server signs URLs for 15 minutes, renewable after 3. `wrong` is this computer's clock. */
function keeperOf(options: Partial<UrlKeeperOptions<string>> = {}, wrong = 0) {
  const batches: string[][] = [];
  const serverNow = () => Date.now() - wrong;
  const load = async (ids: string[]): Promise<LoadedUrls<string>> => {
    batches.push(ids);
    const values = new Map(ids.map((id) => [id, `${id}@${batches.length}`]));
    return { values, refreshAfter: serverNow() + 3 * MINUTE, expiresAt: serverNow() + 15 * MINUTE };
  };
  const keeper = new UrlKeeper<string>({ load, ...options });
  keepers.push(keeper);
  return { keeper, batches };
}

const settle = () => vi.advanceTimersByTimeAsync(1);

describe("a keeper of URLs", () => {
  test("asks once for all that one screen shows", async () => {
    const { keeper, batches } = keeperOf();
    const listener = vi.fn();
    for (const id of ["a", "b", "c"]) keeper.watch(id, listener);
    expect(keeper.get("a").status).toBe("loading");
    await settle();
    expect(batches).toEqual([["a", "b", "c"]]);
    expect(keeper.get("b")).toMatchObject({ status: "ready", value: "b@1" });
    expect(keeper.get("b")).toBe(keeper.get("b"));
    expect(listener).toHaveBeenCalledTimes(3);
  });

  test("splits what is too much for one request", async () => {
    const { keeper, batches } = keeperOf({ maxBatch: 1000 });
    for (let id = 0; id < 2500; id++) keeper.watch(String(id), () => undefined);
    await settle();
    expect(batches.map(({ length }) => length)).toEqual([1000, 1000, 500]);
  });

  test("asks for nothing that a list brought", async () => {
    const { keeper, batches } = keeperOf();
    const now = Date.now();
    const values = new Map([["a", "listed"]]);
    keeper.put({ values, refreshAfter: now + 3 * MINUTE, expiresAt: now + 15 * MINUTE });
    keeper.watch("a", () => undefined);
    await settle();
    expect(batches).toEqual([]);
    expect(keeper.get("a").value).toBe("listed");
  });

  test.each([0, 60 * MINUTE, -60 * MINUTE])(
    "renews before the end, with a clock wrong by %i ms",
    async (wrong) => {
      const { keeper, batches } = keeperOf({}, wrong);
      keeper.watch("a", () => undefined);
      await settle();
      for (let minute = 0; minute < 60; minute++) {
        const before = batches.length;
        await vi.advanceTimersByTimeAsync(MINUTE);
        expect(batches.length - before).toBeLessThanOrEqual(1);
      }
      // Never later than its 15 minutes, and not all the time.
      expect(batches.length).toBeGreaterThanOrEqual(5);
      expect(batches.length).toBeLessThanOrEqual(21);
    },
  );

  test("leaves alone what nobody shows", async () => {
    const { keeper, batches } = keeperOf();
    const stop = keeper.watch("a", () => undefined);
    await settle();
    stop();
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(batches).toHaveLength(1);
    keeper.watch("a", () => undefined);
    await settle();
    expect(batches).toHaveLength(2);
  });

  test("renews when the page comes back, if that is due", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const { keeper, batches } = keeperOf();
    keeper.watch("a", () => undefined);
    await settle();
    target.dispatchEvent(new Event("focus"));
    await settle();
    expect(batches).toHaveLength(1);
    // A computer that slept: time has passed and no timer has run.
    vi.setSystemTime(Date.now() + 30 * MINUTE);
    target.dispatchEvent(new Event("focus"));
    await settle();
    expect(batches).toHaveLength(2);
    vi.unstubAllGlobals();
  });

  test("asks again after the first failed load, and says broken after the second", async () => {
    const { keeper, batches } = keeperOf();
    keeper.watch("a", () => undefined);
    await settle();
    keeper.failed("a", "a@1");
    keeper.failed("a", "a@1");
    await settle();
    expect(batches).toHaveLength(2);
    expect(keeper.get("a")).toMatchObject({ status: "ready", value: "a@2", attempt: 1 });
    keeper.failed("a", "a@1");
    expect(keeper.get("a").status).toBe("ready");
    keeper.failed("a", "a@2");
    expect(keeper.get("a").status).toBe("broken");
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(batches).toHaveLength(2);
    keeper.retry("a");
    await settle();
    expect(keeper.get("a")).toMatchObject({ status: "ready", value: "a@3", attempt: 2 });
    keeper.loaded("a");
    keeper.failed("a", "a@3");
    await settle();
    expect(keeper.get("a")).toMatchObject({ status: "ready", value: "a@4" });
  });

  test("says what is gone, and does not ask for it again", async () => {
    const load = vi.fn(async () => ({ values: new Map<string, string>() }));
    const { keeper } = keeperOf({ load });
    keeper.watch("a", () => undefined);
    await settle();
    expect(keeper.get("a").status).toBe("gone");
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(load).toHaveBeenCalledOnce();
  });

  test("keeps what it has while the server fails, and asks again", async () => {
    let failing = false;
    const { keeper } = keeperOf({
      load: async (ids) => {
        if (failing) throw new TidegateError("server", "BUSY", "busy", { status: 503 });
        const values = new Map(ids.map((id) => [id, "url"]));
        return { values, refreshAfter: Date.now() + MINUTE, expiresAt: Date.now() + 5 * MINUTE };
      },
    });
    keeper.watch("a", () => undefined);
    await settle();
    failing = true;
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(keeper.get("a")).toMatchObject({
      status: "ready",
      value: "url",
      error: { code: "BUSY" },
    });
    failing = false;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(keeper.get("a").error).toBeUndefined();
  });

  test("asks a minute later once its role was taken away", async () => {
    const load = vi.fn(() =>
      Promise.reject(new TidegateError("auth", "FORBIDDEN", "no", { status: 403 })),
    );
    const { keeper } = keeperOf({ load });
    keeper.watch("a", () => undefined);
    await settle();
    expect(keeper.get("a")).toMatchObject({ status: "loading", error: { kind: "auth" } });
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(load.mock.calls.length).toBeGreaterThanOrEqual(4);
    expect(load.mock.calls.length).toBeLessThanOrEqual(6);
  });

  test("shares URLs with other tabs", async () => {
    vi.useRealTimers();
    const first = keeperOf({ channel: "shared" });
    const second = keeperOf({ channel: "shared" });
    const other = keeperOf({ channel: "other" });
    first.keeper.watch("a", () => undefined);
    await vi.waitFor(() => expect(second.keeper.get("a").value).toBe("a@1"));
    second.keeper.watch("a", () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(second.batches).toEqual([]);
    expect(other.keeper.get("a").status).toBe("loading");
  });

  test("asks once if two tabs want the same at the same moment", async () => {
    vi.useRealTimers();
    let loads = 0;
    const load = async (ids: string[]) => {
      loads++;
      await new Promise((resolve) => setTimeout(resolve, 30));
      return { values: new Map(ids.map((id) => [id, `${id}@${loads}`])) };
    };
    const first = keeperOf({ channel: "race", load });
    const second = keeperOf({ channel: "race", load });
    first.keeper.watch("a", () => undefined);
    second.keeper.watch("a", () => undefined);
    await vi.waitFor(() => expect(second.keeper.get("a").status).toBe("ready"));
    await vi.waitFor(() => expect(first.keeper.get("a").status).toBe("ready"));
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(loads).toBe(1);
  });
});
