import { beforeAll, expect, test, vi } from "vitest";
import { openTab } from "./open-tab.ts";

const newTab = () => ({ opener: {}, location: { replace: vi.fn() }, close: vi.fn() });

beforeAll(() => vi.stubGlobal("location", { href: "https://files.example/files" }));

test("the tab is opened before the address is asked for, and cannot reach this page", async () => {
  const tab = newTab();
  const order: string[] = [];
  await openTab(
    async () => {
      order.push(`asked, opener ${tab.opener}`);
      return "/v1/files/raw/a?token=1";
    },
    () => {
      order.push("opened");
      return tab;
    },
  );
  expect(order).toEqual(["opened", "asked, opener null"]);
  expect(tab.location.replace).toHaveBeenCalledWith("https://files.example/v1/files/raw/a?token=1");
});

test("without an address the tab is closed again, and only pages of the web are opened", async () => {
  for (const address of [
    () => Promise.reject(new Error("refused")),
    async () => "javascript:alert(1)",
  ]) {
    const tab = newTab();
    await expect(openTab(address, () => tab)).rejects.toThrow();
    expect(tab.close).toHaveBeenCalledOnce();
    expect(tab.location.replace).not.toHaveBeenCalled();
  }
});

test("where no tab may be opened, the address is followed as a link", async () => {
  const follow = vi.fn();
  await openTab(
    async () => "https://e.example/a",
    () => null,
    follow,
  );
  expect(follow).toHaveBeenCalledWith("https://e.example/a");
});
