import { useParams } from "@tanstack/react-router";
import { UserMinus, UserPlus } from "lucide-react";
import { useState } from "react";
import { useListEditor, usePagedList } from "../../api/paged-list.ts";
import {
  listMembers,
  type Role,
  removeMember,
  type SpaceMember,
  setMember,
  spaceKeys,
} from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatDateTime } from "../../lib/format.ts";
import { usePrincipal } from "../../session/use-principal.ts";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Select, TextField } from "../../ui/Field.tsx";
import { Failure, Loading, Note } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { SpaceFrame } from "./SpaceFrame.tsx";

const roles = (): Array<{ id: Role; name: string }> => [
  { id: "viewer", name: t("role.viewer") },
  { id: "editor", name: t("role.editor") },
  { id: "owner", name: t("role.owner") },
];

function AddMember({ spaceId, onClose }: { spaceId: string; onClose: () => void }) {
  const [user, setUser] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const edit = useListEditor<SpaceMember>(spaceKeys.members(spaceId));
  async function add() {
    const userId = user.trim();
    await setMember(spaceId, userId, role);
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
      <Select label={t("spaces.role")} choices={roles()} value={role} onChange={setRole} />
    </FormDialog>
  );
}

function Members({ spaceId }: { spaceId: string }) {
  const principal = usePrincipal();
  const key = spaceKeys.members(spaceId);
  const edit = useListEditor<SpaceMember>(key);
  const [removing, setRemoving] = useState<SpaceMember>();
  const list = usePagedList<SpaceMember>({
    queryKey: key,
    fetchPage: (cursor, signal) => listMembers(spaceId, cursor, signal),
  });
  async function change(member: SpaceMember, role: Role) {
    try {
      await setMember(spaceId, member.userId, role);
      edit((items) => items.map((one) => (one.userId === member.userId ? { ...one, role } : one)));
      tell(t("members.changed", { user: member.userId }));
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function remove(member: SpaceMember) {
    await removeMember(spaceId, member.userId);
    edit((items) => items.filter(({ userId }) => userId !== member.userId));
    tell(t("members.removed", { user: member.userId }));
  }
  const columns: Column<SpaceMember>[] = [
    {
      id: "user",
      name: t("members.user"),
      width: "minmax(0, 1fr)",
      cell: ({ userId }) => (
        <span dir="auto">
          {userId}
          {userId === principal?.name && <span className="soft"> {t("members.you")}</span>}
        </span>
      ),
    },
    {
      id: "role",
      name: t("spaces.role"),
      width: "9.5rem",
      cell: (member) => (
        <Select
          compact
          label={t("members.roleOf", { user: member.userId })}
          choices={roles()}
          value={member.role as Role}
          onChange={(role) => void change(member, role)}
        />
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
      cell: (member) => (
        <IconButton
          icon={UserMinus}
          label={t("members.removeUser", { user: member.userId })}
          onPress={() => setRemoving(member)}
        />
      ),
    },
  ];
  if (list.error) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  return (
    <>
      <Note>{t("members.removalNote")}</Note>
      <DataTable
        label={t("spaces.members")}
        count={list.count}
        columns={columns}
        rowAt={list.at}
        rowHeight={60}
        onRange={(_, last) => list.need(last)}
      />
      {removing && (
        <FormDialog
          title={t("members.removeUser", { user: removing.userId })}
          submit={t("members.remove")}
          danger
          onClose={() => setRemoving(undefined)}
          onSubmit={() => remove(removing)}
        >
          <p>{t("members.removeText")}</p>
        </FormDialog>
      )}
    </>
  );
}

export function MembersPage() {
  const { spaceId } = useParams({ from: "/spaces/$spaceId/members" });
  const [adding, setAdding] = useState(false);
  return (
    <SpaceFrame
      spaceId={spaceId}
      actions={() => (
        <Button look="primary" icon={UserPlus} onPress={() => setAdding(true)}>
          {t("members.add")}
        </Button>
      )}
    >
      {() => (
        <>
          <Members spaceId={spaceId} />
          {adding && <AddMember spaceId={spaceId} onClose={() => setAdding(false)} />}
        </>
      )}
    </SpaceFrame>
  );
}
