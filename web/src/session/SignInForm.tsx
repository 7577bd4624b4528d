/** The ways of signing in that this server takes: a provider, a name in development, or a token. */

import { useQuery } from "@tanstack/react-query";
import { LogIn } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import type { SignInMethods } from "../api/admin.ts";
import { type MessageId, t } from "../i18n/i18n.ts";
import { Button } from "../ui/Button.tsx";
import { messageOf } from "../ui/errors.ts";
import { TextField } from "../ui/Field.tsx";
import "../ui/tabs.css";
import { Failure, Loading, Note } from "../ui/Note.tsx";
import { session } from "./index.ts";
import type { OidcSettings } from "./oidc.ts";
import { goToProvider, openRenewal } from "./provider.ts";
import type { SignIn } from "./session.ts";
import { tryOut, waysQuery } from "./ways.ts";

function useSend(act: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  async function send(event?: FormEvent) {
    event?.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await act();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, send };
}

async function enter(signIn: SignIn): Promise<void> {
  await tryOut(signIn);
  session.signIn(signIn);
}

/** To whom the content of `make demo` belongs. */
const DEMO = { user: "ann", org: "lab", roles: "admin" };

const rolesIn = (text: string) => text.split(/[\s,]+/).filter(Boolean);

interface DevFormProps {
  last: SignIn | null;
  /** Offers the user of the demo data. */
  demo: boolean;
}

function DevForm({ last, demo }: DevFormProps) {
  const before = last?.kind === "dev" ? last : null;
  const [user, setUser] = useState(before?.user ?? "");
  const [org, setOrg] = useState(before?.org ?? "");
  const [roles, setRoles] = useState(before?.roles.join(", ") ?? "");
  const { busy, error, send } = useSend(() =>
    enter({
      kind: "dev",
      user: user.trim(),
      org: org.trim(),
      roles: rolesIn(roles),
    }),
  );
  const asDemo = useSend(async () => {
    setUser(DEMO.user);
    setOrg(DEMO.org);
    setRoles(DEMO.roles);
    await enter({ kind: "dev", ...DEMO, roles: rolesIn(DEMO.roles) });
  });
  const failed = error ?? asDemo.error;
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
      {failed && <Note look="bad">{failed}</Note>}
      <Button type="submit" look="primary" isPending={busy} isDisabled={!user.trim()}>
        {t("signIn.submit")}
      </Button>
      {demo && (
        <div className="sign-in-demo">
          <Button isPending={asDemo.busy} onPress={() => void asDemo.send()}>
            {t("signIn.demo", DEMO)}
          </Button>
          <p className="soft small">{t("signIn.demoHint")}</p>
        </div>
      )}
    </form>
  );
}

function TokenForm() {
  const [token, setToken] = useState("");
  const { busy, error, send } = useSend(() => enter({ kind: "token", token: token.trim() }));
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

/** Leads to the provider: in this tab, or in another one if this one has something to keep. */
function ProviderForm({ settings, last }: { settings: OidcSettings; last: SignIn | null }) {
  const { busy, error, send } = useSend(async () => {
    if (last) openRenewal();
    else await goToProvider(settings);
  });
  return (
    <div className="sign-in-form">
      <p className="soft">{t("signIn.providerText", { host: new URL(settings.issuer).host })}</p>
      {error && <Note look="bad">{error}</Note>}
      <Button look="primary" icon={LogIn} isPending={busy} onPress={() => void send()} autoFocus>
        {t("signIn.provider")}
      </Button>
      {last && <p className="soft small">{t("signIn.otherTab")}</p>}
    </div>
  );
}

function NobodyForm() {
  const { busy, error, send } = useSend(() => enter({ kind: "none" }));
  return (
    <div className="sign-in-form">
      <p className="soft">{t("signIn.noneText")}</p>
      {error && <Note look="bad">{error}</Note>}
      <Button look="primary" isPending={busy} onPress={() => void send()} autoFocus>
        {t("signIn.continue")}
      </Button>
    </div>
  );
}

type Way = "oidc" | "dev" | "token" | "none";
const NAMES: Record<Way, MessageId> = {
  oidc: "signIn.providerTab",
  dev: "signIn.dev",
  token: "signIn.tokenTab",
  none: "signIn.continue",
};

/** Returns which forms a server takes. One that does not say so may take either of two. */
function waysOf(ways: SignInMethods | null): Way[] {
  if (ways === null) return ["dev", "token"];
  if (ways.mode === "dev" || ways.mode === "none") return [ways.mode];
  return ways.oidc ? ["oidc", "token"] : ["token"];
}

function Form({ way, ways, last }: { way: Way; ways: SignInMethods | null; last: SignIn | null }) {
  if (way === "dev") return <DevForm last={last} demo={last === null && ways?.mode === "dev"} />;
  if (way === "none") return <NobodyForm />;
  if (way === "oidc" && ways?.oidc) return <ProviderForm settings={ways.oidc} last={last} />;
  return <TokenForm />;
}

export function SignInForm({ last }: { last: SignIn | null }) {
  const query = useQuery(waysQuery);
  const [chosen, setChosen] = useState<string | undefined>(last?.kind);
  if (query.error) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data === undefined) return <Loading />;
  const offered = waysOf(query.data);
  const [first = "token"] = offered;
  if (offered.length === 1) return <Form way={first} ways={query.data} last={last} />;
  return (
    <Tabs
      className="sign-in-ways"
      selectedKey={offered.find((way) => way === chosen) ?? first}
      onSelectionChange={(key) => setChosen(String(key))}
    >
      <TabList className="tabs" aria-label={t("signIn.ways")}>
        {offered.map((way) => (
          <Tab key={way} id={way} className="tab">
            {t(NAMES[way])}
          </Tab>
        ))}
      </TabList>
      {offered.map((way) => (
        <TabPanel key={way} id={way}>
          <Form way={way} ways={query.data} last={last} />
        </TabPanel>
      ))}
    </Tabs>
  );
}
