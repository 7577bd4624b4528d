import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Clapperboard, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { client } from "../../api/client.ts";
import { useListEditor, usePagedList } from "../../api/paged-list.ts";
import {
  createSession,
  deleteSession,
  listSessions,
  restoreSession,
  type SessionSummary,
  sessionKeys,
} from "../../api/sessions.ts";
import { t } from "../../i18n/i18n.ts";
import { formatAgo, formatDateTime } from "../../lib/format.ts";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";

function columns(onDelete: (session: SessionSummary) => void): Column<SessionSummary>[] {
  return [
    {
      id: "id",
      name: t("sessions.id"),
      width: "minmax(0, 1fr)",
      cell: ({ id }) => (
        <div className="row-name">
          <Clapperboard size={18} aria-hidden />
          <code className="clip">{id}</code>
        </div>
      ),
    },
    {
      id: "created",
      name: t("common.created"),
      width: "11.5rem",
      wide: true,
      cell: ({ createdAt }) => formatDateTime(createdAt),
    },
    {
      id: "ago",
      name: "",
      width: "8.5rem",
      cell: ({ createdAt }) => (
        <span className="soft">{formatAgo(createdAt, client.clock.now())}</span>
      ),
    },
    {
      id: "delete",
      name: "",
      width: "2.75rem",
      cell: (session) => (
        <IconButton
          icon={Trash2}
          label={t("sessions.deleteId", { id: session.id })}
          onPress={() => onDelete(session)}
        />
      ),
    },
  ];
}

export function SessionsPage() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const edit = useListEditor<SessionSummary>(sessionKeys.list);
  const [busy, setBusy] = useState(false);
  const list = usePagedList<SessionSummary>({
    queryKey: sessionKeys.list,
    fetchPage: listSessions,
  });
  async function create() {
    setBusy(true);
    try {
      const sessionId = await createSession();
      await navigate({ to: "/sessions/$sessionId", params: { sessionId } });
    } catch (failure) {
      tellFailure(failure);
    } finally {
      setBusy(false);
    }
  }
  async function restore(id: string) {
    try {
      await restoreSession(id);
      await queries.invalidateQueries({ queryKey: sessionKeys.list });
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function remove({ id }: SessionSummary) {
    try {
      await deleteSession(id);
      edit((items) => items.filter((session) => session.id !== id));
      tell(t("sessions.deleted"), { name: t("common.undo"), run: () => void restore(id) });
    } catch (failure) {
      tellFailure(failure);
    }
  }
  const button = (
    <Button look="primary" icon={Plus} isPending={busy} onPress={() => void create()}>
      {t("sessions.new")}
    </Button>
  );
  return (
    <Page title={t("nav.sessions")} lead={t("sessions.lead")} actions={button} filled>
      {list.error && list.loaded === 0 ? (
        <Failure error={list.error} onRetry={list.refetch} />
      ) : list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={t("sessions.emptyTitle")} action={button}>
          {t("sessions.empty")}
        </Empty>
      ) : (
        <DataTable
          label={t("nav.sessions")}
          count={list.count}
          columns={columns((session) => void remove(session))}
          rowAt={list.at}
          onRange={list.need}
          onOpen={(index) => {
            const session = list.at(index);
            if (!session) return;
            void navigate({ to: "/sessions/$sessionId", params: { sessionId: session.id } });
          }}
        />
      )}
    </Page>
  );
}
