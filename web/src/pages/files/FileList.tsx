/** The files below a folder: chosen, opened, linked, packed and deleted. */
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Download, FileArchive, File as FileIcon, Folder, Link2, Trash2 } from "lucide-react";
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
} from "../../api/files.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { t } from "../../i18n/i18n.ts";
import { childFolders } from "../../lib/folders.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { openTab } from "../../lib/open-tab.ts";
import { saveFrom } from "../../lib/save.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
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
  try {
    saveFrom((await signLink(file.key, SHORT_LINK, "attachment")).signed_url);
  } catch (failure) {
    tellFailure(failure);
  }
}

/** As long as somebody may look at it or listen to it. */
const OPENED_LINK = 3600;

function openFile(file: ListedFile): void {
  if (file.status !== "READY") return;
  const address = async () => (await signLink(file.key, OPENED_LINK, "inline")).signed_url;
  openTab(address).catch(tellFailure);
}

function FileName({ file }: { file: ListedFile }) {
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
      onClick={({ detail }) => detail < 2 && openFile(file)}
    >
      {filename}
    </button>
  );
}

function columns(onLink: (file: ListedFile) => void): Column<ListedFile>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 3fr)",
      cell: (file) => (
        <div className="row-name">
          <FileIcon size={18} aria-hidden />
          <div>
            <FileName file={file} />
            <span className="clip soft small only-narrow">
              {formatBytes(file.size)} · {formatDateTime(file.created_at)}
            </span>
          </div>
          {file.status !== "READY" && <StatusBadge status={file.status} />}
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
      cell: (file) =>
        file.status === "READY" ? (
          <>
            <IconButton
              icon={Link2}
              label={t("files.linkName", { name: file.filename })}
              onPress={() => onLink(file)}
            />
            <IconButton
              icon={Download}
              label={t("files.saveName", { name: file.filename })}
              onPress={() => void save(file)}
            />
          </>
        ) : null,
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
      tellFailure(failure);
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
        columns={columns(onLink)}
        rowAt={list.at}
        nameOf={({ filename }) => filename}
        rowHeight={54}
        onRange={list.need}
        isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
        onOpen={(index) => {
          const file = list.at(index);
          if (file) openFile(file);
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
