import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CompiledMessage, compileMessage } from "@lingui/message-utils/compileMessage";
import { expect, test } from "vitest";
import german from "./locales/de.json";
import english from "./locales/en.json";

const SOURCE = join(import.meta.dirname, "..");

/** Names of the values that a compiled message is filled with. */
function valuesOf(message: CompiledMessage): string[] {
  const names = new Set<string>();
  const visit = (part: unknown) => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "string" && part.length > 0) names.add(part[0]);
    for (const option of Object.values((part[2] as object | undefined) ?? {})) {
      if (Array.isArray(option)) option.forEach(visit);
    }
  };
  if (Array.isArray(message)) message.forEach(visit);
  return [...names].sort();
}

test("both languages have the same messages", () => {
  expect(Object.keys(german).sort()).toEqual(Object.keys(english).sort());
});

test("no message is empty, and all are filled with the same values in both languages", () => {
  for (const [id, text] of Object.entries(english)) {
    const translated = german[id as keyof typeof german];
    expect(text.trim(), id).not.toBe("");
    expect(translated.trim(), id).not.toBe("");
    expect(valuesOf(compileMessage(translated)), id).toEqual(valuesOf(compileMessage(text)));
  }
});

test("every message is used", () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" });
  const code = files
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(SOURCE, file), "utf8"))
    .join("\n");
  // Ids that are put together from a status or the result of a scan.
  const composed = /^(status|scan)\./;
  const unused = Object.keys(english).filter(
    (id) => !composed.test(id) && !code.includes(`"${id}"`),
  );
  expect(unused).toEqual([]);
});
