/** Addresses of the pages. Each page is a file of its own that is loaded when it is opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { t } from "../i18n/i18n.ts";
import { ButtonLink } from "../ui/Button.tsx";
import { Failure, Loading } from "../ui/Note.tsx";
import { Page } from "../ui/Page.tsx";
import { Shell } from "./Shell.tsx";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

function NotFound() {
  return (
    <Page title={t("notFound.title")} lead={t("notFound.text")}>
      <p>
        <ButtonLink to="/spaces" look="primary">
          {t("nav.spaces")}
        </ButtonLink>
      </p>
    </Page>
  );
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const parent = () => root;

const home = createRoute({
  getParentRoute: parent,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/spaces", replace: true });
  },
});
/** Somebody who is signed in already has nothing to do there. */
const signIn = createRoute({
  getParentRoute: parent,
  path: "/sign-in",
  beforeLoad: () => {
    throw redirect({ to: "/spaces", replace: true });
  },
});
const spaces = createRoute({
  getParentRoute: parent,
  path: "/spaces",
  component: lazyRouteComponent(() => import("../pages/spaces/SpacesPage.tsx"), "SpacesPage"),
});
const space = createRoute({
  getParentRoute: parent,
  path: "/spaces/$spaceId",
  validateSearch: (
    search: Record<string, unknown>,
  ): { image?: string | undefined; status?: string | undefined } => ({
    image: text(search.image),
    status: text(search.status),
  }),
  component: lazyRouteComponent(() => import("../pages/spaces/GalleryPage.tsx"), "GalleryPage"),
});
const trash = createRoute({
  getParentRoute: parent,
  path: "/spaces/$spaceId/trash",
  component: lazyRouteComponent(() => import("../pages/spaces/TrashPage.tsx"), "TrashPage"),
});
const members = createRoute({
  getParentRoute: parent,
  path: "/spaces/$spaceId/members",
  component: lazyRouteComponent(() => import("../pages/spaces/MembersPage.tsx"), "MembersPage"),
});
const files = createRoute({
  getParentRoute: parent,
  path: "/files",
  validateSearch: (
    search: Record<string, unknown>,
  ): { folder?: string | undefined; q?: string | undefined } => ({
    folder: text(search.folder),
    q: text(search.q),
  }),
  component: lazyRouteComponent(() => import("../pages/files/FilesPage.tsx"), "FilesPage"),
});
const disks = createRoute({
  getParentRoute: parent,
  path: "/disks",
  component: lazyRouteComponent(() => import("../pages/disks/DisksPage.tsx"), "DisksPage"),
});
const disk = createRoute({
  getParentRoute: parent,
  path: "/disks/$imageId",
  component: lazyRouteComponent(() => import("../pages/disks/DiskPage.tsx"), "DiskPage"),
});
const sessions = createRoute({
  getParentRoute: parent,
  path: "/sessions",
  component: lazyRouteComponent(() => import("../pages/sessions/SessionsPage.tsx"), "SessionsPage"),
});
const sessionMedia = createRoute({
  getParentRoute: parent,
  path: "/sessions/$sessionId",
  validateSearch: (
    search: Record<string, unknown>,
  ): { status?: string | undefined; media?: string | undefined } => ({
    status: text(search.status),
    media: text(search.media),
  }),
  component: lazyRouteComponent(() => import("../pages/sessions/MediaPage.tsx"), "MediaPage"),
});
const datasets = createRoute({
  getParentRoute: parent,
  path: "/datasets",
  component: lazyRouteComponent(() => import("../pages/datasets/DatasetsPage.tsx"), "DatasetsPage"),
});
const dataset = createRoute({
  getParentRoute: parent,
  path: "/datasets/$datasetId",
  validateSearch: (
    search: Record<string, unknown>,
  ): { parent?: string | undefined; node?: string | undefined; deleted?: true | undefined } => ({
    parent: text(search.parent),
    node: text(search.node),
    deleted: search.deleted === true ? true : undefined,
  }),
  component: lazyRouteComponent(() => import("../pages/datasets/TreePage.tsx"), "TreePage"),
});
const datasetMembers = createRoute({
  getParentRoute: parent,
  path: "/datasets/$datasetId/members",
  component: lazyRouteComponent(
    () => import("../pages/datasets/DatasetMembersPage.tsx"),
    "DatasetMembersPage",
  ),
});
const changelog = createRoute({
  getParentRoute: parent,
  path: "/datasets/$datasetId/changes",
  component: lazyRouteComponent(() => import("../pages/datasets/ChangesPage.tsx"), "ChangesPage"),
});
const health = createRoute({
  getParentRoute: parent,
  path: "/admin/health",
  component: lazyRouteComponent(() => import("../pages/admin/HealthPage.tsx"), "HealthPage"),
});
const jobs = createRoute({
  getParentRoute: parent,
  path: "/admin/jobs",
  component: lazyRouteComponent(() => import("../pages/admin/JobsPage.tsx"), "JobsPage"),
});
const usage = createRoute({
  getParentRoute: parent,
  path: "/admin/usage",
  component: lazyRouteComponent(() => import("../pages/admin/UsagePage.tsx"), "UsagePage"),
});
const keys = createRoute({
  getParentRoute: parent,
  path: "/admin/keys",
  component: lazyRouteComponent(() => import("../pages/admin/KeysPage.tsx"), "KeysPage"),
});
const settings = createRoute({
  getParentRoute: parent,
  path: "/admin/settings",
  component: lazyRouteComponent(() => import("../pages/admin/SettingsPage.tsx"), "SettingsPage"),
});
const audit = createRoute({
  getParentRoute: parent,
  path: "/admin/audit",
  component: lazyRouteComponent(() => import("../pages/admin/AuditPage.tsx"), "AuditPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    spaces,
    space,
    trash,
    members,
    files,
    disks,
    disk,
    sessions,
    sessionMedia,
    datasets,
    dataset,
    datasetMembers,
    changelog,
    health,
    usage,
    jobs,
    keys,
    settings,
    audit,
  ]),
  defaultPreload: "intent",
  defaultPendingComponent: Loading,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} onRetry={reset} />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
