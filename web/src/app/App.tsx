/** What all pages share: the language, the cache of responses, the router, and messages. */
import { I18nProvider, useLingui } from "@lingui/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { I18nProvider as AriaI18nProvider } from "react-aria-components/I18nProvider";
import { i18n } from "../i18n/i18n.ts";
import { useSession } from "../session/index.ts";
import { SignInPage } from "../session/SignInPage.tsx";
import { Toasts } from "../ui/toast.tsx";
import { ErrorBoundary } from "./ErrorBoundary.tsx";
import { queries } from "./queries.ts";
import { router } from "./router.tsx";

function Content() {
  const { signIn } = useSession();
  return signIn ? <RouterProvider router={router} /> : <SignInPage />;
}

export function App() {
  return (
    <I18nProvider i18n={i18n}>
      <LocalizedApp />
    </I18nProvider>
  );
}

/** Another language draws the pages anew; uploads and the cache stay. */
function LocalizedApp() {
  const { locale } = useLingui().i18n;
  return (
    <AriaI18nProvider key={locale} locale={locale}>
      <ErrorBoundary>
        <QueryClientProvider client={queries}>
          <Content />
          <Toasts />
        </QueryClientProvider>
      </ErrorBoundary>
    </AriaI18nProvider>
  );
}
