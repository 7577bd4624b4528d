/** The bar at the top, the ways to the pages, and what lies over all of them. */
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { LogOut, Menu as MenuIcon, UserRound, X } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Button } from "react-aria-components/Button";
import { Dialog } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { t } from "../i18n/i18n.ts";
import { ExpiredDialog } from "../session/ExpiredDialog.tsx";
import { session } from "../session/index.ts";
import { usePrincipal } from "../session/use-principal.ts";
import { IconButton } from "../ui/Button.tsx";
import { Menu } from "../ui/Menu.tsx";
import { Brand } from "./Brand.tsx";
import { Navigation } from "./Navigation.tsx";
import { Preferences } from "./Preferences.tsx";
import "./shell.css";

/** Loaded after the page: it has nothing to show before there is an upload. */
const UploadTray = lazy(() =>
  import("../uploads/UploadTray.tsx").then((module) => ({ default: module.UploadTray })),
);

function Account() {
  const principal = usePrincipal();
  const name = principal?.name || t("signIn.unnamed");
  return (
    <Menu
      label={t("nav.account")}
      trigger={
        <Button className="button quiet account" aria-label={t("nav.accountOf", { name })}>
          <UserRound size={18} aria-hidden />
          <span className="clip">{name}</span>
        </Button>
      }
      actions={[{ id: "out", name: t("signIn.out"), icon: LogOut, run: () => session.signOut() }]}
    />
  );
}

function Drawer({ onClose }: { onClose: () => void }) {
  return (
    <ModalOverlay
      isOpen
      isDismissable
      className="overlay drawer-overlay"
      onOpenChange={(open) => !open && onClose()}
    >
      <Modal className="drawer">
        <Dialog className="drawer-content" aria-label={t("nav.menu")}>
          <div className="drawer-head">
            <Brand />
            <IconButton icon={X} label={t("common.close")} onPress={onClose} />
          </div>
          <Navigation onFollow={onClose} />
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export function Shell() {
  const [drawer, setDrawer] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the drawer
  useEffect(() => setDrawer(false), [path]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <header className="bar">
        <div className="bar-menu">
          <IconButton icon={MenuIcon} label={t("nav.menu")} onPress={() => setDrawer(true)} />
        </div>
        <Link to="/" className="bar-brand">
          <Brand />
        </Link>
        <div className="bar-end">
          <Preferences />
          <Account />
        </div>
      </header>
      <div className="side">
        <Navigation />
      </div>
      <main id="main" className="main" tabIndex={-1}>
        <Outlet />
      </main>
      {drawer && <Drawer onClose={() => setDrawer(false)} />}
      <Suspense>
        <UploadTray />
      </Suspense>
      <ExpiredDialog />
    </div>
  );
}
