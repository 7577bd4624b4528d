/** The uploads of this tab, at the edge of every page. */
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronUp, Pause, Play, RotateCcw, X } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type MessageId, t } from "../i18n/i18n.ts";
import { formatBytes, formatDuration, formatPercent } from "../lib/format.ts";
import { statusName } from "../ui/Badge.tsx";
import { Button, IconButton } from "../ui/Button.tsx";
import { messageOf } from "../ui/errors.ts";
import { ProgressBar } from "../ui/ProgressBar.tsx";
import { tellFailure } from "../ui/toast.tsx";
import { type Fate, fates } from "./fates.ts";
import { type Gallery, type TrayEntry, uploads } from "./index.ts";
import { isActive, isResumable, type Totals, totalsOf } from "./totals.ts";
import "./tray.css";

const STATES: Record<string, MessageId> = {
  queued: "upload.queued",
  waiting: "upload.waiting",
  hashing: "upload.hashing",
  completing: "upload.completing",
  paused: "upload.paused",
  done: "upload.done",
  aborted: "upload.aborted",
};
const ROW = 62;

/** Says what became of a file once all of it was sent. */
function wordsOf({ state, status, reason }: Fate): string {
  if (state === "processing") return t("upload.processing");
  if (state === "published") return t("upload.done");
  return reason ? `${statusName(status)}: ${reason}` : statusName(status);
}

/** Leads to the items of the same status, among which the rejected one is. */
function ShowLink({ gallery, status, name }: { gallery: Gallery; status: string; name: string }) {
  const look = { className: "button quiet", "aria-label": t("upload.showName", { name }) };
  const search = { status };
  return gallery.of === "space" ? (
    <Link {...look} to="/spaces/$spaceId" params={{ spaceId: gallery.id }} search={search}>
      {t("upload.showItem")}
    </Link>
  ) : (
    <Link {...look} to="/sessions/$sessionId" params={{ sessionId: gallery.id }} search={search}>
      {t("upload.showItem")}
    </Link>
  );
}

function Row({ entry }: { entry: TrayEntry }) {
  const { upload, place, gallery } = entry;
  const snapshot = useSyncExternalStore(
    (listener) => upload.subscribe(listener),
    () => upload.snapshot,
  );
  const fate = useSyncExternalStore(fates.subscribe, () => fates.of(upload.id));
  const { name, state, progress, error } = snapshot;
  const { sent, total, rate, eta } = progress;
  const part = total > 0 ? sent / total : state === "done" ? 1 : 0;
  const stateId = STATES[state];
  const rest = eta === undefined ? "" : ` · ${formatDuration(eta)}`;
  const words = error
    ? messageOf(error)
    : fate
      ? wordsOf(fate)
      : stateId
        ? t(stateId)
        : `${formatPercent(part)} · ${formatBytes(rate)}/s${rest}`;
  const refused = fate?.state === "refused";
  const bad = error !== undefined || refused;
  return (
    <div className={`tray-row ${state}`}>
      <div className="tray-text">
        <span className="clip" dir="auto" title={name}>
          {name}
        </span>
        <span className="soft small clip" title={bad ? words : undefined}>
          {bad ? <span className="tray-error">{words}</span> : words}
          {!bad && ` · ${place}`}
        </span>
        {state !== "done" && state !== "failed" && (
          <ProgressBar label={t("upload.progressOf", { name })} value={part} />
        )}
      </div>
      {refused && gallery && <ShowLink gallery={gallery} status={fate.status} name={name} />}
      {state === "failed" && isResumable(snapshot) && (
        <IconButton
          icon={RotateCcw}
          label={t("upload.retryName", { name })}
          onPress={() => upload.resume()}
        />
      )}
      {state === "paused" && (
        <IconButton
          icon={Play}
          label={t("upload.resumeName", { name })}
          onPress={() => upload.resume()}
        />
      )}
      {["queued", "waiting", "hashing", "uploading"].includes(state) && (
        <IconButton
          icon={Pause}
          label={t("upload.pauseName", { name })}
          onPress={() => upload.pause()}
        />
      )}
      <IconButton
        icon={X}
        label={t(state === "done" ? "upload.removeName" : "upload.cancelName", { name })}
        onPress={() => void uploads.remove(entry).catch(tellFailure)}
      />
    </div>
  );
}

/** Totals, read a few times a second however many uploads there are. */
function useTotals(entries: readonly TrayEntry[]): Totals {
  const [totals, setTotals] = useState(() => totalsOf([]));
  useEffect(() => {
    const countedOf = ({ upload }: TrayEntry) => {
      return { ...upload.snapshot, fate: fates.of(upload.id)?.state };
    };
    const read = () => setTotals(totalsOf(entries.map(countedOf)));
    read();
    const timer = setInterval(read, 300);
    return () => clearInterval(timer);
  }, [entries]);
  return totals;
}

function summary(totals: Totals): string {
  const { files, done, processing, failed, paused } = totals;
  if (isActive(totals)) return t("upload.sending", { done: done + processing, files });
  if (processing > 0) return t("upload.someProcessing", { processing, files });
  if (failed > 0) return t("upload.someFailed", { failed, files });
  if (paused > 0) return t("upload.somePaused", { paused, files });
  return t("upload.allDone", { files });
}

export function UploadTray() {
  const entries = useSyncExternalStore(uploads.subscribe, uploads.snapshot);
  const totals = useTotals(entries);
  const [open, setOpen] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 4,
  });
  if (entries.length === 0) return null;
  const active = isActive(totals);
  const over = totals.done > 0;
  const part = totals.bytes > 0 ? totals.sent / totals.bytes : 0;
  return (
    <section className="tray" aria-label={t("upload.tray")}>
      <header className="tray-head">
        <div className="tray-text">
          <strong role="status">{summary(totals)}</strong>
          {active && (
            <span className="soft small number">
              {formatBytes(totals.sent)} / {formatBytes(totals.bytes)} · {formatBytes(totals.rate)}
              /s
            </span>
          )}
        </div>
        <IconButton
          icon={open ? ChevronDown : ChevronUp}
          label={t(open ? "upload.hide" : "upload.show")}
          onPress={() => setOpen(!open)}
        />
        {!active && (
          <IconButton
            icon={X}
            label={t("upload.close")}
            onPress={() => {
              for (const entry of entries) void uploads.remove(entry).catch(tellFailure);
            }}
          />
        )}
      </header>
      {active && <ProgressBar label={t("upload.total")} value={part} />}
      {open && (
        <>
          <div
            className="tray-list"
            ref={scroller}
            tabIndex={0}
            role="group"
            aria-label={t("upload.tray")}
          >
            <div className="tray-space" style={{ height: rows.getTotalSize() }}>
              {rows.getVirtualItems().map((item) => {
                const entry = entries[item.index];
                return entry ? (
                  <div
                    key={entry.upload.id}
                    className="tray-place"
                    style={{ height: ROW, transform: `translateY(${item.start}px)` }}
                  >
                    <Row entry={entry} />
                  </div>
                ) : null;
              })}
            </div>
          </div>
          <div className="tray-foot">
            {active && (
              <Button look="quiet" icon={Pause} onPress={() => uploads.pauseAll()}>
                {t("upload.pauseAll")}
              </Button>
            )}
            {totals.resumable > 0 && (
              <Button look="quiet" icon={Play} onPress={() => uploads.resumeAll()}>
                {t("upload.resumeAll")}
              </Button>
            )}
            {over && (
              <Button look="quiet" onPress={() => uploads.clearFinished()}>
                {t("upload.clear")}
              </Button>
            )}
          </div>
        </>
      )}
    </section>
  );
}
