import { expect, test } from "vitest";
import { findSettings } from "./settings.ts";

const setting = (name: string, section: string, given = false, value: string | null = null) => ({
  name,
  section,
  given,
  value,
  description: `What ${name.toLowerCase().replaceAll("_", " ")} means.`,
});
const SETTINGS = [
  setting("PORT", "Doors", true, "3000"),
  setting("EDGE_PORT", "Doors"),
  setting("S3_BUCKET", "Store", true, "pictures"),
];

test("settings are found by all words, in any of their texts", () => {
  const names = (search: string, shown: "all" | "given" | "default" = "all") =>
    [...findSettings(SETTINGS, search, shown).values()].flat().map(({ name }) => name);
  expect(names("")).toEqual(["PORT", "EDGE_PORT", "S3_BUCKET"]);
  expect(names("  port edge ")).toEqual(["EDGE_PORT"]);
  expect(names("PICT")).toEqual(["S3_BUCKET"]);
  expect(names("doors")).toEqual(["PORT", "EDGE_PORT"]);
  expect(names("", "given")).toEqual(["PORT", "S3_BUCKET"]);
  expect(names("port", "default")).toEqual(["EDGE_PORT"]);
  expect(names("nothing")).toEqual([]);
});

test("sections keep the server's order", () => {
  expect([...findSettings(SETTINGS, "", "all").keys()]).toEqual(["Doors", "Store"]);
});
