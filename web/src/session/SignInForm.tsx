/** The two ways of signing in that need no other server: a name in development, or a token. */

import { createClient, type TidegateError } from "@tidegate/client";
import { type FormEvent, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import { t } from "../i18n/i18n.ts";
import { Button } from "../ui/Button.tsx";
import { messageOf } from "../ui/errors.ts";
import { TextField } from "../ui/Field.tsx";
import "../ui/tabs.css";
import { Note } from "../ui/Note.tsx";
import { session } from "./index.ts";
import { type SignIn, signInHeaders } from "./session.ts";

/** Asks the server whether it takes a sign-in, before anything of the page depends on it. */
async function tryOut(signIn: SignIn): Promise<void> {
  const headers = signInHeaders(signIn);
  const client = createClient({ baseUrl: location.origin, headers, retry: { retries: 0 } });
  try {
    await client.api.GET("/api/spaces", { params: { query: { limit: 1 } } });
  } catch (failure) {
    // A server without spaces, or a user who may not see any, is a sign-in all the same.
    const { status } = failure as TidegateError;
    if (status !== 403 && status !== 404) throw failure;
  }
}

function useSend(make: () => SignIn) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  async function send(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const signIn = make();
      await tryOut(signIn);
      session.signIn(signIn);
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, send };
}

function DevForm({ last }: { last: SignIn | null }) {
  const before = last?.kind === "dev" ? last : null;
  const [user, setUser] = useState(before?.user ?? "");
  const [org, setOrg] = useState(before?.org ?? "");
  const [roles, setRoles] = useState(before?.roles.join(", ") ?? "");
  const { busy, error, send } = useSend(() => ({
    kind: "dev",
    user: user.trim(),
    org: org.trim(),
    roles: roles.split(/[\s,]+/).filter(Boolean),
  }));
  return (
    <form className="sign-in-form" onSubmit={send}>
      <TextField label={t("signIn.user")} value={user} onChange={setUser} isRequired autoFocus />
      <TextField
        label={t("signIn.org")}
        value={org}
        onChange={setOrg}
        description={t("signIn.orgHint")}
      />
      <TextField
        label={t("signIn.roles")}
        value={roles}
        onChange={setRoles}
        description={t("signIn.rolesHint")}
      />
      {error && <Note look="bad">{error}</Note>}
      <Button type="submit" look="primary" isPending={busy} isDisabled={!user.trim()}>
        {t("signIn.submit")}
      </Button>
    </form>
  );
}

function TokenForm() {
  const [token, setToken] = useState("");
  const { busy, error, send } = useSend(() => ({ kind: "token", token: token.trim() }));
  return (
    <form className="sign-in-form" onSubmit={send}>
      <TextField
        label={t("signIn.token")}
        value={token}
        onChange={setToken}
        rows={5}
        isRequired
        autoFocus
        autoComplete="off"
        spellCheck="false"
        description={t("signIn.tokenHint")}
      />
      {error && <Note look="bad">{error}</Note>}
      <Button type="submit" look="primary" isPending={busy} isDisabled={!token.trim()}>
        {t("signIn.submit")}
      </Button>
    </form>
  );
}

export function SignInForm({ last }: { last: SignIn | null }) {
  const [kind, setKind] = useState<string>(last?.kind ?? "dev");
  return (
    <Tabs
      className="sign-in-ways"
      selectedKey={kind}
      onSelectionChange={(key) => setKind(String(key))}
    >
      <TabList className="tabs" aria-label={t("signIn.ways")}>
        <Tab id="dev" className="tab">
          {t("signIn.dev")}
        </Tab>
        <Tab id="token" className="tab">
          {t("signIn.tokenTab")}
        </Tab>
      </TabList>
      <TabPanel id="dev">
        <DevForm last={last} />
      </TabPanel>
      <TabPanel id="token">
        <TokenForm />
      </TabPanel>
    </Tabs>
  );
}
