/** The frame of a page: its title, what can be done, and the ways to its parts. */
import { Link, type LinkProps, type RouterState, useRouterState } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { arrival, isCovered } from "../app/arrival.ts";
import { t } from "../i18n/i18n.ts";
import "./page.css";
import "./tabs.css";

interface PageProps {
  title: string;
  /** What is shown beside the title, such as a role. */
  aside?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  parents?: ReactNode;
  tabs?: ReactNode;
  /** The page fills the height of the window, and its list scrolls by itself. */
  filled?: boolean;
  children: ReactNode;
}

/**
 * The place that is shown, which is behind the address while a page is loaded. A folder and a collection
 * are places of their own; what is opened or searched in them is not.
 */
function placeOf({ matches }: RouterState): string {
  const here = matches.at(-1);
  const { folder = "", parent = "" } = (here?.search ?? {}) as Partial<Record<string, string>>;
  return [here?.pathname, folder, parent].join("\n");
}

export function Page({ title, aside, lead, actions, parents, tabs, filled, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} – Tidegate`;
  }, [title]);
  const heading = useRef<HTMLHeadingElement>(null);
  const place = useRouterState({ select: placeOf });
  useEffect(() => arrival.at(place, heading.current, isCovered()), [place]);
  return (
    <div className={`page ${filled ? "filled" : ""}`}>
      <div className="page-head">
        {parents && (
          <nav className="parents" aria-label={t("common.path")}>
            {parents}
          </nav>
        )}
        <div className="page-title">
          <h1 dir="auto" tabIndex={-1} ref={heading}>
            {title}
          </h1>
          {aside}
          <div className="page-actions">{actions}</div>
        </div>
        {lead && <p className="page-lead">{lead}</p>}
        {tabs && (
          <nav className="tabs" aria-label={t("common.parts")}>
            {tabs}
          </nav>
        )}
      </div>
      <div className="page-body">{children}</div>
    </div>
  );
}

/** A step of the path above the title. */
export function Parent({ children, ...to }: LinkProps & { children: ReactNode }) {
  return (
    <>
      <Link {...to} className="parent">
        {children}
      </Link>
      <ChevronRight size={15} aria-hidden />
    </>
  );
}

export function Tab({ children, ...to }: LinkProps & { children: ReactNode }) {
  const here = useRouterState({ select: (state) => state.matches.at(-1)?.routeId === to.to });
  return (
    <Link
      {...to}
      className="tab"
      activeOptions={{ exact: true, includeSearch: false }}
      aria-current={here ? "page" : undefined}
    >
      {children}
    </Link>
  );
}

export function Card({
  title,
  children,
  actions,
}: {
  title?: string;
  children: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <section className="card">
      {title && (
        <div className="card-head">
          <h2>{title}</h2>
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}
