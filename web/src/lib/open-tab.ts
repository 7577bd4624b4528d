/** Opens an address in a new tab that is not known yet when the user asks for it. */
import { httpAddress } from "./save.ts";

interface Tab {
  opener: unknown;
  location: { replace: (url: string) => void };
  close: () => void;
}

/**
 * Opens the tab before the address is asked for: browsers let a page do that only at once after a click
 * or a key. The tab has no way back to this page. Rejects if the address cannot be got.
 */
export async function openTab(
  address: () => Promise<string>,
  open: () => Tab | null = () => window.open("", "_blank"),
  follow: (url: string) => void = followInTab,
): Promise<void> {
  const tab = open();
  if (tab) tab.opener = null;
  try {
    const url = httpAddress(await address());
    if (tab) tab.location.replace(url);
    else follow(url);
  } catch (failure) {
    tab?.close();
    throw failure;
  }
}

/** A browser that lets no empty tab be opened may still follow a link. */
function followInTab(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  document.body.append(link);
  link.click();
  link.remove();
}
