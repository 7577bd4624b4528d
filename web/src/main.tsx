// Before all others: what a provider put into the address is gone before the page does anything.
import "./session/callback.ts";
import { createRoot } from "react-dom/client";
import { App } from "./app/App.tsx";
import { loadCatalogue, preferredLanguage } from "./i18n/i18n.ts";
import { applyTheme, storedTheme } from "./lib/theme.ts";
import { installTrustedTypes } from "./lib/trusted-types.ts";
import "./styles/tokens.css";
import "./styles/base.css";

installTrustedTypes();
applyTheme(storedTheme());
await loadCatalogue(preferredLanguage());
const root = document.getElementById("root");
if (!root) throw new Error("the page has no element for the dashboard");
createRoot(root).render(<App />);
