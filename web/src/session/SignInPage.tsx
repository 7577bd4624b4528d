/** The page of a tab in which nobody is signed in. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { arrival } from "../app/arrival.ts";
import { Brand } from "../app/Brand.tsx";
import { Preferences } from "../app/Preferences.tsx";
import { t } from "../i18n/i18n.ts";
import { messageOf } from "../ui/errors.ts";
import { Loading, Note } from "../ui/Note.tsx";
import { callback } from "./callback.ts";
import { finished, goToProvider } from "./provider.ts";
import { SignInForm } from "./SignInForm.tsx";
import { waysQuery } from "./ways.ts";
import "./sign-in.css";

type State = "finishing" | "sent" | "asking" | { failure: unknown };

/** How the sign-in goes that the provider has just answered, if it has. */
function useAnswer(): State {
  const [state, setState] = useState<State>(callback.answer ? "finishing" : "asking");
  useEffect(() => {
    void finished()?.then(
      (outcome) => {
        if (outcome !== "sent") return;
        setState("sent");
        window.close();
      },
      (failure) => setState({ failure }),
    );
  }, []);
  return state;
}

/** A tab that was opened for another one's sign-in goes to the provider by itself. */
function useRenewal(state: State): unknown {
  const renews = callback.renewal !== null && state === "asking";
  const { data: ways } = useQuery({ ...waysQuery, enabled: renews });
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    if (renews && ways?.oidc) goToProvider(ways.oidc).catch(setFailure);
  }, [renews, ways]);
  return failure;
}

function Frame({ children }: { children: ReactNode }) {
  useEffect(() => {
    document.title = `${t("signIn.title")} – Tidegate`;
    arrival.signIn();
  }, []);
  return (
    <div className="sign-in">
      <header className="sign-in-bar">
        <Brand />
        <Preferences />
      </header>
      <main className="sign-in-card">
        <h1>{t("signIn.title")}</h1>
        {children}
        <p className="sign-in-links">
          <a href="/start">{t("signIn.about")}</a>
          <a href="/manual/">{t("nav.manual")}</a>
          <a href="/docs/">{t("nav.api")}</a>
        </p>
      </main>
    </div>
  );
}

export function SignInPage() {
  const state = useAnswer();
  const renewal = useRenewal(state);
  const failure = typeof state === "object" ? state.failure : renewal;
  if (state === "finishing") {
    return (
      <Frame>
        <Loading />
      </Frame>
    );
  }
  if (state === "sent") {
    return (
      <Frame>
        <p className="soft">{t("signIn.sent")}</p>
      </Frame>
    );
  }
  return (
    <Frame>
      <p className="soft">{t("signIn.lead")}</p>
      {failure !== undefined && <Note look="bad">{messageOf(failure)}</Note>}
      <SignInForm last={null} />
    </Frame>
  );
}
