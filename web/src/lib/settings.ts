/** Finds settings of the server. */
import { groupBy } from "./group.ts";

interface Described {
  name: string;
  value?: string | null;
  given: boolean;
  description: string;
  section: string;
}

export type Shown = "all" | "given" | "default";

/** Returns the settings that have all words of a search somewhere, by section in the server's order. */
export function findSettings<Setting extends Described>(
  settings: readonly Setting[],
  search: string,
  shown: Shown,
): Map<string, Setting[]> {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = settings.filter((setting) => {
    if (shown !== "all" && setting.given !== (shown === "given")) return false;
    const { name, value, description, section } = setting;
    const text = `${name}\n${value ?? ""}\n${description}\n${section}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return groupBy(found, ({ section }) => section);
}
