/** The files below a folder: chosen, opened, linked, packed and deleted. */
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  Download,
  FileArchive,
  File as FileIcon,
  Folder,
  Link2,
  Snowflake,
  Trash2,
} from "lucide-react";
import { useMemo, useState } from "react";
import { useBulk } from "../../api/bulk.ts";
import {
  archiveUrl,
  deleteFile,
  type FilesPage,
  fileKeys,
  type ListedFile,
  listFiles,
  signLink,
  thawFile,
} from "../../api/files.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { t } from "../../i18n/i18n.ts";
import { archiveOf, canThaw, isUnreadable, type Known } from "../../lib/archived.ts";
import { childFolders } from "../../lib/folders.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { openTab } from "../../lib/open-tab.ts";
import { saveFrom } from "../../lib/save.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { ArchiveBadge, ThawDialog, useThawOffer } from "../../ui/Archive.tsx";
import { StatusBadge } from "../../ui/Badge.tsx";
import { BulkProgress } from "../../ui/BulkProgress.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { tellFailure } from "../../ui/toast.tsx";

const SHORT_LINK = 300;

async function save(file: ListedFile): Promise<void> {
  saveFrom((await signLink(file.key, SHORT_LINK, "attachment")).signed_url);
}

/** As long as somebody may look at it or listen to it. */
const OPENED_LINK = 3600;

function openFile(file: ListedFile): Promise<void> {
  return openTab(async () => (await signLink(file.key, OPENED_LINK, "inline")).signed_url);
}

function FileName({ file, onOpen }: Pick<RowActions, "onOpen"> & { file: ListedFile }) {
  const { filename } = file;
  if (file.status !== "READY") {
    return (
      <span className="clip" dir="auto" title={filename}>
        {filename}
      </span>
    );
  }
  return (
    <button
      type="button"
      className="row-open clip"
      dir="auto"
      title={filename}
      tabIndex={-1}
      onClick={({ detail }) => detail < 2 && onOpen(file)}
    >
      {filename}
    </button>
  );
}

interface RowActions {
  onOpen: (file: ListedFile) => void;
  onSave: (file: ListedFile) => void;
  onLink: (file: ListedFile) => void;
  onThaw: (file: ListedFile) => void;
}

/** What can be done with a file: a link to it, its bytes, or the thaw that both wait for. */
function Actions({ file, onSave, onLink, onThaw }: RowActions & { file: ListedFile }) {
  if (file.status !== "READY") return null;
  if (canThaw(file.archive)) {
    return (
      <IconButton
        icon={Snowflake}
        label={t("archive.thawName", { name: file.filename })}
        onPress={() => onThaw(file)}
      />
    );
  }
  if (isUnreadable(file.archive)) return null;
  return (
    <>
      <IconButton
        icon={Link2}
        label={t("files.linkName", { name: file.filename })}
        onPress={() => onLink(file)}
      />
      <IconButton
        icon={Download}
        label={t("files.saveName", { name: file.filename })}
        onPress={() => onSave(file)}
      />
    </>
  );
}

function columns(actions: RowActions): Column<ListedFile>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 3fr)",
      cell: (file) => (
        <div className="row-name">
          <FileIcon size={18} aria-hidden />
          <div>
            <FileName file={file} onOpen={actions.onOpen} />
            <span className="clip soft small only-narrow">
              <ArchiveBadge archive={file.archive} /> {formatBytes(file.size)} ·{" "}
              {formatDateTime(file.created_at)}
            </span>
          </div>
          {file.status !== "READY" && <StatusBadge status={file.status} />}
          <span className="only-wide">
            <ArchiveBadge archive={file.archive} />
          </span>
        </div>
      ),
    },
    {
      id: "folder",
      name: t("files.folder"),
      width: "minmax(0, 2fr)",
      wide: true,
      cell: ({ folder }) =>
        folder ? (
          <Link to="/files" search={{ folder }} className="soft" dir="auto" tabIndex={-1}>
            {folder}
          </Link>
        ) : null,
    },
    {
      id: "size",
      name: t("common.size"),
      width: "6rem",
      align: "end",
      wide: true,
      cell: ({ size }) => formatBytes(size),
    },
    {
      id: "created",
      name: t("common.created"),
      width: "11.5rem",
      wide: true,
      cell: (file) => formatDateTime(file.created_at),
    },
    {
      id: "actions",
      name: "",
      width: "5.3rem",
      cell: (file) => <Actions file={file} {...actions} />,
    },
  ];
}

interface FileListProps {
  folder: string;
  q: string;
  status: string;
  onLink: (file: ListedFile) => void;
}

export function FileList({ folder, q, status, onLink }: FileListProps) {
  const queryKey = fileKeys.list(folder, q, status);
  const queries = useQueryClient();
  const edit = useListEditor<ListedFile>(queryKey);
  const bulk = useBulk("files");
  const [selection, setSelection] = useState(NOTHING);
  const [deleting, setDeleting] = useState<string[]>();
  const [thawing, setThawing] = useState<string>();
  const [offerThaw, thawOffer] = useThawOffer();
  const [totals, setTotals] = useState<Pick<FilesPage, "count" | "bytes">>();
  const list = usePositionedList<ListedFile>({
    queryKey,
    fetchAt: async (...at) => {
      const page = await listFiles(folder, q, status, ...at);
      setTotals({ count: page.count, bytes: page.bytes });
      return page;
    },
  });
  const idAt = (position: number) => list.at(position)?.key;
  const { held, loaded } = list;
  const below = useMemo(() => {
    const folders = held().map((file) => file.folder ?? "");
    return childFolders(folder, folders);
  }, [folder, held]);

  async function pack() {
    try {
      saveFrom(await archiveUrl({ keys: [...selection.ids] }, "files.zip"));
    } catch (failure) {
      if (archiveOf(failure)) list.refetch();
      tellFailure(archiveOf(failure) ? new Error(t("archive.inZip")) : failure);
    }
  }
  const showArchive = (key: string, archive: Known) =>
    edit((items) =>
      items.map((file) => (file.key === key ? { ...file, archive: archive ?? null } : file)),
    );
  async function thaw(key: string) {
    const archive = await thawFile(key);
    showArchive(key, archive);
    return archive;
  }
  /** Does what needs the bytes of a file. */
  async function read(act: (file: ListedFile) => Promise<void>, file: ListedFile) {
    if (file.status !== "READY") return;
    try {
      await act(file);
    } catch (failure) {
      const archive = archiveOf(failure);
      if (archive) showArchive(file.key, archive);
      if (!offerThaw(failure, () => thaw(file.key))) tellFailure(failure);
    }
  }
  function leaveOut(keys: string[]) {
    const gone = new Set(keys);
    edit((items) => items.filter(({ key }) => !gone.has(key)));
    setTotals((before) => before && { ...before, count: before.count - gone.size });
  }
  function remove(keys: string[]) {
    setSelection(NOTHING);
    bulk.perform({
      action: "delete",
      ids: keys,
      names: new Map(held().map(({ key, filename }) => [key, filename])),
      one: deleteFile,
      onDone: leaveOut,
      said: (count) => t("files.deleted", { count }),
      after({ unsure }) {
        if (unsure) list.refetch();
        void queries.invalidateQueries({ queryKey: fileKeys.usage });
      },
    });
  }
  if (list.error && loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) {
    return (
      <>
        <BulkProgress bulk={bulk} />
        <Empty title={q ? t("files.nothingFound") : t("files.emptyTitle")}>
          {q ? t("files.nothingFoundText", { q }) : t("files.empty")}
        </Empty>
      </>
    );
  }
  return (
    <>
      {selection.ids.size > 0 ? (
        <SelectionBar
          text={t("files.selected", { count: selection.ids.size })}
          onClear={() => setSelection(NOTHING)}
        >
          <Button icon={FileArchive} onPress={() => void pack()}>
            {t("files.zip")}
          </Button>
          <Button icon={Trash2} onPress={() => setDeleting([...selection.ids])}>
            {t("common.delete")}
          </Button>
        </SelectionBar>
      ) : (
        <div className="folders">
          {below.map((name) => (
            <Link
              key={name}
              to="/files"
              search={{ folder: folder ? `${folder}/${name}` : name }}
              className="button plain"
            >
              <Folder size={17} aria-hidden />
              <span className="clip" dir="auto">
                {name}
              </span>
            </Link>
          ))}
          {totals && (
            <span className="soft small">
              {t("files.totals", { count: totals.count, size: formatBytes(totals.bytes) })}
            </span>
          )}
        </div>
      )}
      <BulkProgress bulk={bulk} />
      <DataTable
        label={t("nav.files")}
        count={list.count}
        columns={columns({
          onOpen: (file) => void read(openFile, file),
          onSave: (file) => void read(save, file),
          onLink,
          onThaw: ({ key }) => setThawing(key),
        })}
        rowAt={list.at}
        nameOf={({ filename }) => filename}
        rowHeight={54}
        onRange={list.need}
        isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
        onOpen={(index) => {
          const file = list.at(index);
          if (file) void read(openFile, file);
        }}
        onPick={(index) => setSelection((before) => toggle(before, index, idAt))}
        onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
        onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
        onSelectAll={() =>
          setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt))
        }
        onRemove={(index) => {
          const key = idAt(index);
          if (key) setDeleting(selection.ids.size > 0 ? [...selection.ids] : [key]);
        }}
      />
      {thawing && <ThawDialog thaw={() => thaw(thawing)} onClose={() => setThawing(undefined)} />}
      {thawOffer}
      {deleting && (
        <FormDialog
          title={t("files.deleteTitle", { count: deleting.length })}
          submit={t("common.delete")}
          danger
          onClose={() => setDeleting(undefined)}
          onSubmit={async () => remove(deleting)}
        >
          <p>{t("files.deleteText")}</p>
        </FormDialog>
      )}
    </>
  );
}
