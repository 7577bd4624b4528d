/** Names of the kinds of things that are stored. */
import type { OwnerKind } from "../../api/admin.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";

const NAMES: Record<OwnerKind, MessageId> = {
  space: "nav.spaces",
  files: "nav.files",
  disks: "nav.disks",
  session: "nav.sessions",
  dataset: "nav.datasets",
};

export function kindName(kind: string): string {
  const id = NAMES[kind as OwnerKind];
  return id ? t(id) : kind;
}

export const kindChoices = (): Array<{ id: OwnerKind | "all"; name: string }> => [
  { id: "all", name: t("gallery.all") },
  ...(Object.keys(NAMES) as OwnerKind[]).map((id) => ({ id, name: kindName(id) })),
];
