/** Puts a text on the clipboard, and says so. */
import { t } from "../i18n/i18n.ts";
import { tell, tellFailure } from "../ui/toast.tsx";

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell(t("common.copied"));
  } catch (failure) {
    tellFailure(failure);
  }
}

/** Returns whether the browser let the page put a text on the clipboard. */
export async function mayCopy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // Denied, or no page of a secure origin: the text is shown for copying by hand.
  }
}
