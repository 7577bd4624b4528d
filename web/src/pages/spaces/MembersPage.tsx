import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { listMembers, type Role, removeMember, setMember, spaceKeys } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { AddMember, AddMemberButton, type MemberSource, Members } from "../members/Members.tsx";
import { SpaceFrame } from "./SpaceFrame.tsx";

const ROLES: readonly Role[] = ["viewer", "editor", "owner"];

const sourceOf = (spaceId: string): MemberSource => ({
  queryKey: spaceKeys.members(spaceId),
  list: (cursor, signal) => listMembers(spaceId, cursor, signal),
  set: (userId, role) => setMember(spaceId, userId, role as Role),
  remove: (userId) => removeMember(spaceId, userId),
  roles: ROLES,
  note: t("members.removalNote"),
  removeText: t("members.removeText"),
});

export function MembersPage() {
  const { spaceId } = useParams({ from: "/spaces/$spaceId/members" });
  const [adding, setAdding] = useState(false);
  const source = useMemo(() => sourceOf(spaceId), [spaceId]);
  return (
    <SpaceFrame
      spaceId={spaceId}
      actions={() => <AddMemberButton onPress={() => setAdding(true)} />}
    >
      {() => (
        <>
          <Members source={source} />
          {adding && <AddMember source={source} onClose={() => setAdding(false)} />}
        </>
      )}
    </SpaceFrame>
  );
}
