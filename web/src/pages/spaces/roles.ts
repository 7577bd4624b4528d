/** Names of the roles in spaces and datasets. */
import { type MessageId, t } from "../../i18n/i18n.ts";

const NAMES: Record<string, MessageId> = {
  owner: "role.owner",
  manager: "role.manager",
  editor: "role.editor",
  viewer: "role.viewer",
};

export function roleName(role: string): string {
  const id = NAMES[role];
  return id ? t(id) : role;
}

/** Whether a role may change content: upload, delete, restore. Services have no role and may. */
export function mayEdit(role: string | null | undefined): boolean {
  return role !== "viewer";
}

/** Whether a role may change the members of a dataset. */
export function mayManage(role: string | null | undefined): boolean {
  return role === "owner" || role === "manager";
}
