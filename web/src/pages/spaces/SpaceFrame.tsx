/** What the pages of one space share: its name, role, parts, and what its owner can do with it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { EllipsisVertical, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { deleteSpace, type Space, spaceKeys, spaceQuery } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Menu } from "../../ui/Menu.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { Page, Parent, Tab } from "../../ui/Page.tsx";
import { tell } from "../../ui/toast.tsx";
import { mayEdit, roleName } from "./roles.ts";

function DeleteSpace({ space, onClose }: { space: Space; onClose: () => void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  async function remove() {
    await deleteSpace(space.id);
    tell(t("spaces.deleted", { name: space.name }));
    await navigate({ to: "/spaces" });
    await queries.invalidateQueries({ queryKey: spaceKeys.list });
  }
  return (
    <FormDialog
      title={t("spaces.deleteTitle", { name: space.name })}
      submit={t("spaces.delete")}
      danger
      onClose={onClose}
      onSubmit={remove}
    >
      <p>{t("spaces.deleteText", { count: space.imageCount })}</p>
    </FormDialog>
  );
}

interface SpaceFrameProps {
  spaceId: string;
  actions?: (space: Space) => ReactNode;
  children: (space: Space) => ReactNode;
}

export function SpaceFrame({ spaceId, actions, children }: SpaceFrameProps) {
  const query = useQuery(spaceQuery(spaceId));
  const [deleting, setDeleting] = useState(false);
  const space = query.data;
  if (!space) {
    return query.error ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading />
    );
  }
  const owner = space.role === "owner";
  const params = { spaceId };
  const menu = owner && (
    <Menu
      label={t("spaces.more")}
      trigger={<IconButton icon={EllipsisVertical} label={t("spaces.more")} look="plain" />}
      actions={[
        {
          id: "delete",
          name: t("spaces.delete"),
          icon: Trash2,
          bad: true,
          run: () => setDeleting(true),
        },
      ]}
    />
  );
  return (
    <Page
      title={space.name}
      parents={<Parent to="/spaces">{t("nav.spaces")}</Parent>}
      aside={space.role ? <Badge>{roleName(space.role)}</Badge> : null}
      lead={t("spaces.summary", { count: space.imageCount, size: formatBytes(space.bytes) })}
      actions={
        <>
          {actions?.(space)}
          {menu}
        </>
      }
      tabs={
        <>
          <Tab to="/spaces/$spaceId" params={params}>
            {t("spaces.images")}
          </Tab>
          {mayEdit(space.role) && (
            <Tab to="/spaces/$spaceId/trash" params={params}>
              {t("spaces.trash")}
            </Tab>
          )}
          {owner && (
            <Tab to="/spaces/$spaceId/members" params={params}>
              {t("spaces.members")}
            </Tab>
          )}
        </>
      }
      filled
    >
      {children(space)}
      {deleting && <DeleteSpace space={space} onClose={() => setDeleting(false)} />}
    </Page>
  );
}
