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
