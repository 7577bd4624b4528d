import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { EllipsisVertical, FolderDown, FolderX, Link2Off, Upload } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import {
  archiveUrl,
  deleteFolder,
  fileKeys,
  type ListedFile,
  revokeLinks,
  usageQuery,
} from "../../api/files.ts";
import { t } from "../../i18n/i18n.ts";
import { archiveOf } from "../../lib/archived.ts";
import type { DroppedFile } from "../../lib/dropped-files.ts";
import { pathTo } from "../../lib/folders.ts";
import { formatBytes } from "../../lib/format.ts";
import { saveFrom } from "../../lib/save.ts";
import { Button, IconButton } from "../../ui/Button.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { SearchField, Select } from "../../ui/Field.tsx";
import { Menu } from "../../ui/Menu.tsx";
import { Meter } from "../../ui/Meter.tsx";
import { Page, Parent } from "../../ui/Page.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { FileLinkDialog } from "./FileLinkDialog.tsx";
import { FileList } from "./FileList.tsx";
import { UploadDialog } from "./UploadDialog.tsx";
import "./files.css";

function Usage() {
  const { data } = useQuery(usageQuery);
  if (!data) return null;
  const { used, reserved, quota } = data;
  return (
    <Meter
      label={t("files.usage")}
      parts={[used, reserved]}
      limit={quota}
      text={t("files.usageText", { used: formatBytes(used + reserved), quota: formatBytes(quota) })}
    />
  );
}

const SEARCH_DELAY = 250;
const STATUSES = ["READY", "SCANNING", "FAILED", "REJECTED"] as const;
type Status = (typeof STATUSES)[number];

export function FilesPage() {
  const { folder = "", q = "" } = useSearch({ from: "/files" });
  const navigate = useNavigate({ from: "/files" });
  const queries = useQueryClient();
  const [typed, setTyped] = useState(q);
  const [status, setStatus] = useState<Status>("READY");
  const [uploading, setUploading] = useState<{ dropped?: DroppedFile[] }>();
  const [linking, setLinking] = useState<ListedFile>();
  const [asking, setAsking] = useState<"revoke" | "folder">();
  // The address says what is searched, also after a step back in the history.
  useEffect(() => setTyped(q), [q]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  function type(text: string) {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      void navigate({ search: (before) => ({ ...before, q: text || undefined }), replace: true });
    }, SEARCH_DELAY);
  }

  async function saveFolder() {
    const name = `${pathTo(folder).at(-1)?.name ?? "files"}.zip`;
    try {
      saveFrom(await archiveUrl({ folder }, name));
    } catch (failure) {
      if (archiveOf(failure)) void queries.invalidateQueries({ queryKey: fileKeys.all });
      tellFailure(archiveOf(failure) ? new Error(t("archive.inZip")) : failure);
    }
  }
  async function removeFolder() {
    await deleteFolder(folder);
    tell(t("files.folderDeleted", { folder }));
    await navigate({ search: { folder: pathTo(folder).at(-2)?.folder } });
    await queries.invalidateQueries({ queryKey: fileKeys.all });
  }
  const path = pathTo(folder);
  return (
    <Page
      title={path.at(-1)?.name ?? t("nav.files")}
      parents={
        folder ? (
          <>
            <Parent to="/files" search={{}}>
              {t("nav.files")}
            </Parent>
            {path.slice(0, -1).map((step) => (
              <Parent key={step.folder} to="/files" search={{ folder: step.folder }}>
                {step.name}
              </Parent>
            ))}
          </>
        ) : null
      }
      actions={
        <>
          <Button look="primary" icon={Upload} onPress={() => setUploading({})}>
            {t("upload.choose")}
          </Button>
          <Menu
            label={t("files.more")}
            trigger={<IconButton icon={EllipsisVertical} label={t("files.more")} look="plain" />}
            actions={[
              {
                id: "zip",
                name: folder ? t("files.zipFolder") : t("files.zipAll"),
                icon: FolderDown,
                run: () => void saveFolder(),
              },
              {
                id: "revoke",
                name: t("files.revoke"),
                icon: Link2Off,
                run: () => setAsking("revoke"),
              },
              ...(folder
                ? ([
                    "separator",
                    {
                      id: "delete",
                      name: t("files.deleteFolder"),
                      icon: FolderX,
                      bad: true,
                      run: () => setAsking("folder"),
                    },
                  ] as const)
                : []),
            ]}
          />
        </>
      }
      filled
    >
      {!folder && <Usage />}
      <div className="toolbar">
        <SearchField label={t("files.search")} value={typed} onChange={type} />
        <Select<Status>
          compact
          label={t("common.status")}
          value={status}
          onChange={setStatus}
          choices={STATUSES.map((id) => ({
            id,
            name: t(`status.${id.toLowerCase()}` as "status.ready"),
          }))}
        />
      </div>
      <DropArea enabled onDrop={(dropped) => setUploading({ dropped })}>
        <FileList key={`${folder} ${q} ${status}`} {...{ folder, q, status }} onLink={setLinking} />
      </DropArea>
      {uploading && (
        <UploadDialog
          folder={folder}
          dropped={uploading.dropped}
          onClose={() => setUploading(undefined)}
        />
      )}
      {linking && <FileLinkDialog file={linking} onClose={() => setLinking(undefined)} />}
      {asking === "revoke" && (
        <FormDialog
          title={t("files.revoke")}
          submit={t("files.revokeNow")}
          danger
          onClose={() => setAsking(undefined)}
          onSubmit={async () => {
            await revokeLinks();
            tell(t("files.revoked"));
          }}
        >
          <p>{t("files.revokeText")}</p>
        </FormDialog>
      )}
      {asking === "folder" && (
        <FormDialog
          title={t("files.deleteFolderTitle", { folder })}
          submit={t("files.deleteFolder")}
          danger
          onClose={() => setAsking(undefined)}
          onSubmit={removeFolder}
        >
          <p>{t("files.deleteText")}</p>
        </FormDialog>
      )}
    </Page>
  );
}
