/** Asks to sign in again, over a page that stays as it is. Requests that were refused go on after it. */
import { t } from "../i18n/i18n.ts";
import { Button } from "../ui/Button.tsx";
import { Dialog } from "../ui/Dialog.tsx";
import { session, useSession } from "./index.ts";
import { SignInForm } from "./SignInForm.tsx";
import "./sign-in.css";

export function ExpiredDialog() {
  const { signIn, expired } = useSession();
  if (!expired) return null;
  return (
    <Dialog title={t("signIn.expiredTitle")} onClose={() => undefined} held>
      <p className="soft">{t("signIn.expired")}</p>
      <SignInForm last={signIn} />
      <Button look="quiet" onPress={() => session.signOut()}>
        {t("signIn.out")}
      </Button>
    </Dialog>
  );
}
