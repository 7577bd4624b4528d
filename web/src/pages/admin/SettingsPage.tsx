import { useQuery } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { useState } from "react";
import { type ServerSetting, settingsQuery } from "../../api/admin.ts";
import { t } from "../../i18n/i18n.ts";
import { copyText } from "../../lib/copy.ts";
import { findSettings, type Shown } from "../../lib/settings.ts";
import { Badge } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { SearchField, Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Card, Page } from "../../ui/Page.tsx";
import "./admin.css";

function Value({ setting }: { setting: ServerSetting }) {
  const { secret, given, value, default: preset } = setting;
  if (secret)
    return <span className="soft">{t(given ? "settings.hidden" : "settings.unset")}</span>;
  if (value != null) return <code>{value}</code>;
  if (preset != null) return <code className="soft">{preset}</code>;
  return <span className="soft">{t("settings.unset")}</span>;
}

function Row({ setting }: { setting: ServerSetting }) {
  const { name, given, description, secret, value, default: preset } = setting;
  const changed = given && !secret && preset != null && preset !== value;
  return (
    <li className="setting">
      <div className="setting-name">
        <code>{name}</code>
        <IconButton
          icon={Copy}
          label={t("settings.copyName", { name })}
          onPress={() => void copyText(name)}
        />
        {given && <Badge tone="good">{t("settings.given")}</Badge>}
        {secret && <Badge>{t("settings.secret")}</Badge>}
      </div>
      <div className="setting-value">
        <Value setting={setting} />
        {changed && <span className="soft small"> {t("settings.default", { value: preset })}</span>}
      </div>
      <p className="soft small">{description}</p>
    </li>
  );
}

function Settings({ settings }: { settings: readonly ServerSetting[] }) {
  const [search, setSearch] = useState("");
  const [shown, setShown] = useState<Shown>("all");
  const sections = [...findSettings(settings, search, shown)];
  const count = sections.reduce((sum, [, found]) => sum + found.length, 0);
  return (
    <>
      <div className="toolbar">
        <SearchField label={t("settings.search")} value={search} onChange={setSearch} />
        <Select<Shown>
          compact
          label={t("gallery.filter")}
          value={shown}
          onChange={setShown}
          choices={[
            { id: "all", name: t("gallery.all") },
            { id: "given", name: t("settings.onlyGiven") },
            { id: "default", name: t("settings.onlyDefault") },
          ]}
        />
        <span className="soft small" role="status">
          {t("settings.count", { count })}
        </span>
      </div>
      {count === 0 && <Empty title={t("files.nothingFound")} />}
      {sections.map(([section, found]) => (
        <Card key={section} title={section}>
          <ul className="settings">
            {found.map((setting) => (
              <Row key={setting.name} setting={setting} />
            ))}
          </ul>
        </Card>
      ))}
    </>
  );
}

export function SettingsPage() {
  const { data, error, refetch } = useQuery(settingsQuery);
  return (
    <Page title={t("nav.settings")} lead={t("settings.lead")}>
      {error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : data ? (
        <Settings settings={data} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}
