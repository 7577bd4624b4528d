import { useQuery } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { keysQuery, type ServerKey } from "../../api/admin.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";
import { copyText } from "../../lib/copy.ts";
import { formatInstant } from "../../lib/format.ts";
import { groupBy } from "../../lib/group.ts";
import { Badge } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Card, Page } from "../../ui/Page.tsx";
import "./admin.css";

/** What a use is called, what its keys sign, and how they are changed. */
const USES: Record<string, [name: MessageId, signs: MessageId, change: MessageId]> = {
  edge: ["keys.edge", "keys.edgeSigns", "keys.edgeChange"],
  tokens: ["keys.tokens", "keys.tokensSigns", "keys.tokensChange"],
  links: ["keys.links", "keys.linksSigns", "keys.linksChange"],
  s3: ["keys.s3", "keys.s3Signs", "keys.s3Change"],
};
const SOURCES: Record<string, MessageId> = {
  file: "keys.file",
  generated: "keys.generated",
  setting: "keys.setting",
  issuer: "keys.issuer",
};

function Key({ signingKey }: { signingKey: ServerKey }) {
  const { id, algorithm, fingerprint, state, source, since } = signingKey;
  const sourceName = SOURCES[source];
  return (
    <li className="key">
      <div className="key-head">
        <strong>
          <code>{id}</code>
        </strong>
        {state === "signing" ? (
          <Badge tone="good">{t("keys.signing")}</Badge>
        ) : (
          <Badge>{t("keys.accepted")}</Badge>
        )}
      </div>
      <dl className="facts">
        <dt>{t("keys.algorithm")}</dt>
        <dd>{algorithm}</dd>
        <dt>{t("keys.source")}</dt>
        <dd>{sourceName ? t(sourceName) : source}</dd>
        {since != null && (
          <>
            <dt>{t("keys.since")}</dt>
            <dd>{formatInstant(since)}</dd>
          </>
        )}
        {fingerprint != null && (
          <>
            <dt>{t("keys.fingerprint")}</dt>
            <dd className="with-button">
              <code>{fingerprint}</code>
              <IconButton
                icon={Copy}
                label={t("keys.copyFingerprint", { id })}
                onPress={() => void copyText(fingerprint)}
              />
            </dd>
          </>
        )}
      </dl>
    </li>
  );
}

function Use({ use, keys }: { use: string; keys: readonly ServerKey[] }) {
  const known = USES[use];
  return (
    <Card title={known ? t(known[0]) : use}>
      {known && (
        <p className="key-words">
          {t(known[1])} <span className="soft">{t(known[2])}</span>
        </p>
      )}
      <ul className="keys">
        {keys.map((one) => (
          <Key key={`${one.id} ${one.fingerprint ?? ""}`} signingKey={one} />
        ))}
      </ul>
    </Card>
  );
}

function Keys() {
  const { data, error, refetch } = useQuery(keysQuery);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.length === 0) return <Empty title={t("keys.none")} />;
  return [...groupBy(data, ({ use }) => use)].map(([use, keys]) => (
    <Use key={use} use={use} keys={keys} />
  ));
}

export function KeysPage() {
  return (
    <Page title={t("nav.keys")} lead={t("keys.lead")}>
      <Keys />
    </Page>
  );
}
