/** Theme and language of the page. */
import { Languages, Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { chooseLanguage, LANGUAGES, type MessageId, t } from "../i18n/i18n.ts";
import { chooseTheme, storedTheme, THEMES, type Theme } from "../lib/theme.ts";
import { IconButton } from "../ui/Button.tsx";
import { Menu } from "../ui/Menu.tsx";

const ICONS = { system: Monitor, light: Sun, dark: Moon };
const NAMES: Record<Theme, MessageId> = {
  system: "theme.system",
  light: "theme.light",
  dark: "theme.dark",
};

export function Preferences() {
  const [theme, setTheme] = useState(storedTheme);
  return (
    <div className="preferences">
      <Menu
        label={t("theme.label")}
        trigger={<IconButton icon={ICONS[theme]} label={t("theme.label")} />}
        actions={THEMES.map((id) => ({
          id,
          name: t(NAMES[id]),
          icon: ICONS[id],
          run: () => {
            chooseTheme(id);
            setTheme(id);
          },
        }))}
      />
      <Menu
        label={t("language.label")}
        trigger={<IconButton icon={Languages} label={t("language.label")} />}
        actions={LANGUAGES.map(({ id, name }) => ({
          id,
          name,
          run: () => void chooseLanguage(id),
        }))}
      />
    </div>
  );
}
