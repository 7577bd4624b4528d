/** The members of a space or a dataset, and their roles. */
import { UserMinus, UserPlus } from "lucide-react";
import { useState } from "react";
import { type ListPage, useListEditor, usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { formatDateTime } from "../../lib/format.ts";
import { usePrincipal } from "../../session/use-principal.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Select, TextField } from "../../ui/Field.tsx";
import { Failure, Loading, Note } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { roleName } from "../spaces/roles.ts";

export interface Member {
  userId: string;
  role: string;
  addedAt: string;
}

/** Whose members they are, and what the signed-in user may do with them. */
export interface MemberSource {
  queryKey: readonly unknown[];
  list: (cursor: string | null, signal: AbortSignal) => Promise<ListPage<Member>>;
  set: (userId: string, role: string) => Promise<void>;
  remove: (userId: string) => Promise<void>;
  /** Roles that the user may give, and whose members they may change. */
  roles: readonly string[];
  note?: string;
  removeText: string;
}

const choicesOf = ({ roles }: MemberSource) => roles.map((id) => ({ id, name: roleName(id) }));

export function AddMember({ source, onClose }: { source: MemberSource; onClose: () => void }) {
  const [user, setUser] = useState("");
  const [role, setRole] = useState(source.roles[0] ?? "");
  const edit = useListEditor<Member>(source.queryKey);
  async function add() {
    const userId = user.trim();
    await source.set(userId, role);
    const added = { userId, role, addedAt: new Date().toISOString() };
    edit((items, first) => {
      const others = items.filter((member) => member.userId !== userId);
      return first ? [...others, added] : others;
    });
    tell(t("members.added", { user: userId }));
  }
  return (
    <FormDialog
      title={t("members.add")}
      submit={t("members.add")}
      disabled={!user.trim()}
      onClose={onClose}
      onSubmit={add}
    >
      <TextField
        label={t("members.user")}
        description={t("members.userHint")}
        value={user}
        onChange={setUser}
        autoFocus
        isRequired
      />
      <Select
        label={t("spaces.role")}
        choices={choicesOf(source)}
        value={role}
        onChange={setRole}
      />
    </FormDialog>
  );
}

interface ColumnsOptions {
  source: MemberSource;
  /** Id of the signed-in user. */
  user: string | undefined;
  onChange: (member: Member, role: string) => void;
  onRemove: (member: Member) => void;
}

function columns({ source, user, onChange, onRemove }: ColumnsOptions): Column<Member>[] {
  return [
    {
      id: "user",
      name: t("members.user"),
      width: "minmax(0, 1fr)",
      cell: ({ userId }) => (
        <span dir="auto">
          {userId}
          {userId === user && <span className="soft"> {t("members.you")}</span>}
        </span>
      ),
    },
    {
      id: "role",
      name: t("spaces.role"),
      width: "9.5rem",
      cell: (member) =>
        source.roles.includes(member.role) ? (
          <Select
            compact
            label={t("members.roleOf", { user: member.userId })}
            choices={choicesOf(source)}
            value={member.role}
            onChange={(role) => onChange(member, role)}
          />
        ) : (
          <Badge>{roleName(member.role)}</Badge>
        ),
    },
    {
      id: "added",
      name: t("members.since"),
      width: "12rem",
      wide: true,
      cell: ({ addedAt }) => formatDateTime(addedAt),
    },
    {
      id: "remove",
      name: "",
      width: "2.75rem",
      cell: (member) =>
        source.roles.includes(member.role) || member.userId === user ? (
          <IconButton
            icon={UserMinus}
            label={t("members.removeUser", { user: member.userId })}
            onPress={() => onRemove(member)}
          />
        ) : null,
    },
  ];
}

export function Members({ source }: { source: MemberSource }) {
  const principal = usePrincipal();
  const edit = useListEditor<Member>(source.queryKey);
  const [removing, setRemoving] = useState<Member>();
  const list = usePagedList<Member>({ queryKey: source.queryKey, fetchPage: source.list });
  async function change(member: Member, role: string) {
    try {
      await source.set(member.userId, role);
      edit((items) => items.map((one) => (one.userId === member.userId ? { ...one, role } : one)));
      tell(t("members.changed", { user: member.userId }));
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function remove(member: Member) {
    await source.remove(member.userId);
    edit((items) => items.filter(({ userId }) => userId !== member.userId));
    tell(t("members.removed", { user: member.userId }));
  }
  if (list.error) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  return (
    <>
      {source.note && <Note>{source.note}</Note>}
      <DataTable
        label={t("spaces.members")}
        count={list.count}
        columns={columns({
          source,
          user: principal?.name,
          onChange: (member, role) => void change(member, role),
          onRemove: setRemoving,
        })}
        rowAt={list.at}
        rowHeight={60}
        onRange={list.need}
      />
      {removing && (
        <FormDialog
          title={t("members.removeUser", { user: removing.userId })}
          submit={t("members.remove")}
          danger
          onClose={() => setRemoving(undefined)}
          onSubmit={() => remove(removing)}
        >
          <p>{source.removeText}</p>
        </FormDialog>
      )}
    </>
  );
}

export function AddMemberButton({ onPress }: { onPress: () => void }) {
  return (
    <Button look="primary" icon={UserPlus} onPress={onPress}>
      {t("members.add")}
    </Button>
  );
}
