/** The ways to the pages: only those that the signed-in user has a use for. */
import { Link, type LinkProps } from "@tanstack/react-router";
import {
  BookOpen,
  Braces,
  ChartColumn,
  Clapperboard,
  Database,
  Files,
  HardDrive,
  HeartPulse,
  Images,
  KeyRound,
  ListTodo,
  type LucideIcon,
  ScrollText,
  SlidersHorizontal,
} from "lucide-react";
import type { OwnerKind } from "../api/admin.ts";
import { type MessageId, t } from "../i18n/i18n.ts";
import { usePrincipal } from "../session/use-principal.ts";

interface Way {
  to: LinkProps["to"];
  name: MessageId;
  icon: LucideIcon;
}

const CONTENT: Array<Way & { surface: OwnerKind }> = [
  { to: "/spaces", name: "nav.spaces", icon: Images, surface: "space" },
  { to: "/files", name: "nav.files", icon: Files, surface: "files" },
  { to: "/disks", name: "nav.disks", icon: HardDrive, surface: "disks" },
  { to: "/sessions", name: "nav.sessions", icon: Clapperboard, surface: "session" },
  { to: "/datasets", name: "nav.datasets", icon: Database, surface: "dataset" },
];
const ADMINISTRATION: Way[] = [
  { to: "/admin/health", name: "nav.health", icon: HeartPulse },
  { to: "/admin/usage", name: "nav.usage", icon: ChartColumn },
  { to: "/admin/jobs", name: "nav.jobs", icon: ListTodo },
  { to: "/admin/keys", name: "nav.keys", icon: KeyRound },
  { to: "/admin/settings", name: "nav.settings", icon: SlidersHorizontal },
];
const AUDIT: Way = { to: "/admin/audit", name: "nav.audit", icon: ScrollText };

function Ways({ ways, onFollow }: { ways: Way[]; onFollow?: () => void }) {
  return (
    <ul>
      {ways.map(({ to, name, icon: Icon }) => (
        <li key={to}>
          <Link
            to={to}
            className="way"
            activeProps={{ "aria-current": "page" }}
            activeOptions={{ includeSearch: false }}
            onClick={onFollow}
          >
            <Icon size={18} aria-hidden />
            {t(name)}
          </Link>
        </li>
      ))}
    </ul>
  );
}

export function Navigation({ onFollow }: { onFollow?: () => void }) {
  const principal = usePrincipal();
  const surfaces = principal?.surfaces;
  const content = CONTENT.filter(({ surface }) => surfaces?.includes(surface) ?? true);
  return (
    <nav className="ways" aria-label={t("nav.label")}>
      <Ways ways={content} onFollow={onFollow} />
      <h2>{principal?.admin ? t("nav.administration") : t("nav.activity")}</h2>
      <Ways ways={principal?.admin ? [...ADMINISTRATION, AUDIT] : [AUDIT]} onFollow={onFollow} />
      <ul className="ways-end">
        <li>
          <a className="way" href="/manual/">
            <BookOpen size={18} aria-hidden />
            {t("nav.manual")}
          </a>
        </li>
        <li>
          <a className="way" href="/docs/">
            <Braces size={18} aria-hidden />
            {t("nav.api")}
          </a>
        </li>
      </ul>
    </nav>
  );
}
