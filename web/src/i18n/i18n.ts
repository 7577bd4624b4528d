/** The texts of the page: one catalogue for each language, English complete, German as the proof. */
import { setupI18n } from "@lingui/core";
import type source from "./locales/en.json";
import english from "./locales/en.json?messages";

export type MessageId = keyof typeof source;
export type Language = "en" | "de";
export const LANGUAGES: ReadonlyArray<{ id: Language; name: string }> = [
  { id: "en", name: "English" },
  { id: "de", name: "Deutsch" },
];
const STORED = "tidegate.language";

export const i18n = setupI18n({ locale: "en", messages: { en: english } });

/** Returns the chosen language, else the first of the browser's that there is a catalogue for. */
export function preferredLanguage(): Language {
  const known = (tag: string | null) => LANGUAGES.find(({ id }) => tag?.split("-")[0] === id)?.id;
  const stored = known(localStorage.getItem(STORED));
  return stored ?? navigator.languages.map(known).find((id) => id !== undefined) ?? "en";
}

/** Loads the catalogue of a language and shows the page in it. */
export async function loadCatalogue(language: Language): Promise<void> {
  if (language === "de") i18n.load("de", (await import("./locales/de.json?messages")).default);
  i18n.activate(language);
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(STORED, language);
  await loadCatalogue(language);
}

/** Returns the text of a message, with its values put in as plain text. */
export function t(id: MessageId, values?: Record<string, unknown>): string {
  return i18n._(id, values);
}
