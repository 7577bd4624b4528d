import { FileDown } from "lucide-react";
import { useRef, useState } from "react";
import { type AuditEvent, type AuditFilter, adminKeys, listAudit } from "../../api/admin.ts";
import { usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { toCsv } from "../../lib/csv.ts";
import { formatInstant, formatNumber } from "../../lib/format.ts";
import { usePrincipal } from "../../session/use-principal.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Select, TextField } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { tellFailure } from "../../ui/toast.tsx";
import { kindChoices } from "./kinds.ts";
import "./admin.css";

const NO_FILTER: AuditFilter = {
  kind: "all",
  owner: "",
  object: "",
  action: "",
  actor: "",
  outcome: "all",
  since: "",
  until: "",
};
const HEAD = [
  "at",
  "actor_kind",
  "actor",
  "acting_for",
  "action",
  "outcome",
  "owner_kind",
  "owner",
  "object",
  "address",
  "request_id",
];

const actorName = ({ actor }: AuditEvent) => actor.name || actor.kind;

function csvRow(event: AuditEvent): string[] {
  const { actor, owner } = event;
  return [
    event.at,
    actor.kind,
    actor.name,
    actor.actingFor ?? "",
    event.action,
    event.outcome,
    owner?.kind ?? "",
    owner?.id ?? "",
    event.objectId ?? "",
    event.address ?? "",
    event.requestId,
  ];
}

function Outcome({ outcome }: { outcome: string }) {
  if (outcome === "done") return <Badge tone="good">{t("audit.done")}</Badge>;
  if (outcome === "refused") return <Badge tone="bad">{t("audit.refused")}</Badge>;
  return <Badge>{outcome}</Badge>;
}

function columns(): Column<AuditEvent>[] {
  return [
    {
      id: "at",
      name: t("common.time"),
      width: "12.5rem",
      wide: true,
      cell: ({ at }) => formatInstant(at),
    },
    {
      id: "actor",
      name: t("audit.who"),
      width: "minmax(0, 1fr)",
      cell: (event) => (
        <span dir="auto">
          {actorName(event)}
          {event.actor.actingFor && (
            <span className="soft"> {t("audit.for", { user: event.actor.actingFor })}</span>
          )}
        </span>
      ),
    },
    {
      id: "action",
      name: t("audit.action"),
      width: "minmax(0, 1.8fr)",
      cell: ({ action, at }) => (
        <>
          <code>{action}</code>
          <span className="clip soft small only-narrow">{formatInstant(at)}</span>
        </>
      ),
    },
    {
      id: "outcome",
      name: t("audit.outcome"),
      width: "6.5rem",
      cell: ({ outcome }) => <Outcome outcome={outcome} />,
    },
    {
      id: "object",
      name: t("audit.object"),
      width: "minmax(0, 1.4fr)",
      wide: true,
      cell: ({ owner, objectId }) => <code className="soft">{objectId ?? owner?.id ?? ""}</code>,
    },
    {
      id: "address",
      name: t("audit.address"),
      width: "8rem",
      wide: true,
      cell: ({ address }) => address,
    },
  ];
}

/** Saves a text as a file of this browser, without sending it anywhere. */
function saveText(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

function Export({ filter }: { filter: AuditFilter }) {
  const [count, setCount] = useState<number>();
  const abort = useRef<AbortController>(null);
  async function save() {
    const controller = new AbortController();
    abort.current = controller;
    const rows: string[][] = [];
    setCount(0);
    try {
      let cursor: string | null = null;
      do {
        const page = await listAudit(filter, cursor, controller.signal);
        rows.push(...page.items.map(csvRow));
        setCount(rows.length);
        cursor = page.next;
      } while (cursor !== null);
      saveText(toCsv(HEAD, rows), `tidegate-audit-${new Date().toISOString().slice(0, 10)}.csv`);
    } catch (failure) {
      if (!controller.signal.aborted) tellFailure(failure);
    } finally {
      setCount(undefined);
    }
  }
  return count === undefined ? (
    <Button icon={FileDown} onPress={() => void save()}>
      {t("audit.export")}
    </Button>
  ) : (
    <Button onPress={() => abort.current?.abort()}>
      {t("audit.exporting", { count: formatNumber(count) })}
    </Button>
  );
}

function EventDialog({ event, onClose }: { event: AuditEvent; onClose: () => void }) {
  const facts: Array<[string, string | null | undefined]> = [
    [t("common.time"), formatInstant(event.at)],
    [t("audit.who"), `${event.actor.kind} ${event.actor.name}`],
    [t("audit.actingFor"), event.actor.actingFor],
    [t("audit.kind"), event.owner?.kind],
    [t("audit.owner"), event.owner?.id],
    [t("audit.object"), event.objectId],
    [t("audit.address"), event.address],
    [t("audit.request"), event.requestId],
  ];
  return (
    <Dialog title={event.action} onClose={onClose} wide>
      <Outcome outcome={event.outcome} />
      <dl className="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd dir="auto">{value}</dd>
            </div>
          ))}
      </dl>
    </Dialog>
  );
}

/** A local time of a field as the instant that the server is asked for. */
const instant = (local: string) => (local ? new Date(local).toISOString() : "");

interface FiltersProps {
  admin: boolean;
  onChange: (filter: AuditFilter) => void;
}

function Filters({ admin, onChange }: FiltersProps) {
  const [typed, setTyped] = useState(NO_FILTER);
  const set = (part: Partial<AuditFilter>) => setTyped({ ...typed, ...part });
  /** An id alone names nobody: it belongs to a kind. */
  function setOwner(owner: string) {
    if (!owner) return set({ owner, ...(admin ? {} : { kind: "all" }) });
    set({ owner, ...(typed.kind === "all" && { kind: "space" }) });
  }
  const kinds = kindChoices().filter(({ id }) => !typed.owner || id !== "all");
  return (
    <form
      className="audit-filters"
      onSubmit={(event) => {
        event.preventDefault();
        onChange({ ...typed, since: instant(typed.since), until: instant(typed.until) });
      }}
    >
      <TextField
        label={t("audit.ownerFilter")}
        value={typed.owner}
        onChange={(owner) => setOwner(owner.trim())}
      />
      <Select
        label={t("audit.kind")}
        value={typed.kind}
        disabled={!admin && !typed.owner}
        onChange={(kind) => set({ kind })}
        choices={kinds}
      />
      <TextField
        label={t("audit.objectFilter")}
        value={typed.object}
        onChange={(object) => set({ object: object.trim() })}
      />
      <TextField
        label={t("audit.action")}
        placeholder="upload.completed"
        value={typed.action}
        onChange={(action) => set({ action: action.trim() })}
      />
      <TextField
        label={t("audit.who")}
        value={typed.actor}
        onChange={(actor) => set({ actor: actor.trim() })}
      />
      <Select<AuditFilter["outcome"]>
        label={t("audit.outcome")}
        value={typed.outcome}
        onChange={(outcome) => set({ outcome })}
        choices={[
          { id: "all", name: t("gallery.all") },
          { id: "done", name: t("audit.done") },
          { id: "refused", name: t("audit.refused") },
        ]}
      />
      <TextField
        label={t("audit.since")}
        type="datetime-local"
        value={typed.since}
        onChange={(since) => set({ since })}
      />
      <TextField
        label={t("audit.until")}
        type="datetime-local"
        value={typed.until}
        onChange={(until) => set({ until })}
      />
      <Button type="submit">{t("audit.show")}</Button>
    </form>
  );
}

function Events({ filter }: { filter: AuditFilter }) {
  const [open, setOpen] = useState<AuditEvent>();
  const list = usePagedList<AuditEvent>({
    queryKey: adminKeys.audit(filter),
    fetchPage: (cursor, signal) => listAudit(filter, cursor, signal),
  });
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) return <Empty title={t("audit.none")} />;
  return (
    <>
      <div className="boxed-table">
        <DataTable
          label={t("nav.audit")}
          count={list.count}
          columns={columns()}
          rowAt={list.at}
          rowHeight={50}
          onRange={list.need}
          onOpen={(index) => setOpen(list.at(index))}
        />
      </div>
      {open && <EventDialog event={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

export function AuditPage() {
  const principal = usePrincipal();
  const [filter, setFilter] = useState(NO_FILTER);
  return (
    <Page
      title={t("nav.audit")}
      lead={principal?.admin ? t("audit.leadAdmin") : t("audit.lead")}
      actions={<Export filter={filter} />}
    >
      <Filters admin={principal?.admin ?? false} onChange={setFilter} />
      <Events key={JSON.stringify(filter)} filter={filter} />
    </Page>
  );
}
