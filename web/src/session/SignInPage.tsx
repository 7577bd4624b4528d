/** The page of a tab in which nobody is signed in. */
import { useEffect } from "react";
import { Brand } from "../app/Brand.tsx";
import { Preferences } from "../app/Preferences.tsx";
import { t } from "../i18n/i18n.ts";
import { SignInForm } from "./SignInForm.tsx";
import "./sign-in.css";

export function SignInPage() {
  useEffect(() => {
    document.title = `${t("signIn.title")} – Tidegate`;
  }, []);
  return (
    <div className="sign-in">
      <header className="sign-in-bar">
        <Brand />
        <Preferences />
      </header>
      <main className="sign-in-card">
        <h1>{t("signIn.title")}</h1>
        <p className="soft">{t("signIn.lead")}</p>
        <SignInForm last={null} />
        <p className="sign-in-links">
          <a href="/manual/">{t("nav.manual")}</a>
          <a href="/docs/">{t("nav.api")}</a>
        </p>
      </main>
    </div>
  );
}
