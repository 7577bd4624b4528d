import { useNavigate } from "@tanstack/react-router";
import { HardDrive, Trash2, Upload } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { useBulk } from "../../api/bulk.ts";
import { type DiskImage, deleteDisk, diskKeys, listDisks } from "../../api/disks.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { t } from "../../i18n/i18n.ts";
import { filesOfInput } from "../../lib/dropped-files.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { ArchiveBadge, StateBadge } from "../../ui/Archive.tsx";
import { BulkProgress } from "../../ui/BulkProgress.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { uploads } from "../../uploads/index.ts";

type Status = "READY" | "PENDING";
const nameOf = (disk: DiskImage) => disk.name || t("disks.unnamed");

function columns(onDelete: (disk: DiskImage) => void): Column<DiskImage>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 1fr)",
      cell: (disk) => (
        <div className="row-name">
          <HardDrive size={18} aria-hidden />
          <div>
            <span className="clip" dir="auto">
              {nameOf(disk)}
            </span>
            <span className="only-narrow">
              <ArchiveBadge archive={disk.archive} />
            </span>
          </div>
        </div>
      ),
    },
    {
      id: "status",
      name: t("common.status"),
      width: "7.5rem",
      wide: true,
      cell: ({ status, archive }) => <StateBadge status={status} archive={archive} />,
    },
    {
      id: "size",
      name: t("common.size"),
      width: "6rem",
      align: "end",
      cell: ({ size }) => (size == null ? "" : formatBytes(size)),
    },
    {
      id: "created",
      name: t("common.created"),
      width: "11.5rem",
      wide: true,
      cell: ({ createdAt }) => formatDateTime(createdAt),
    },
    {
      id: "delete",
      name: "",
      width: "2.75rem",
      cell: (disk) => (
        <IconButton
          icon={Trash2}
          label={t("disks.deleteName", { name: nameOf(disk) })}
          onPress={() => onDelete(disk)}
        />
      ),
    },
  ];
}

function Disks({ status }: { status: Status }) {
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState<readonly string[]>();
  const [selection, setSelection] = useState(NOTHING);
  const bulk = useBulk("disks");
  const queryKey = diskKeys.list(status);
  const edit = useListEditor<DiskImage>(queryKey);
  const list = usePositionedList<DiskImage>({
    queryKey,
    fetchAt: (...page) => listDisks(status, ...page),
  });
  const idAt = (position: number) => list.at(position)?.imageId;
  const names = () => new Map(list.held().map((disk) => [disk.imageId, nameOf(disk)]));
  function leaveOut(ids: string[]) {
    const gone = new Set(ids);
    edit((items) => items.filter(({ imageId }) => !gone.has(imageId)));
  }
  function remove(ids: readonly string[]) {
    setSelection(NOTHING);
    bulk.perform({
      action: "delete",
      ids,
      names: names(),
      one: deleteDisk,
      onDone: leaveOut,
      said: (count) => t("disks.deleted", { count }),
      after: ({ unsure }) => unsure && list.refetch(),
    });
  }
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  const count = deleting?.length ?? 0;
  const one = count === 1 ? names().get(deleting?.[0] ?? "") : undefined;
  return (
    <>
      {selection.ids.size > 0 && (
        <SelectionBar
          text={t("disks.selected", { count: selection.ids.size })}
          onClear={() => setSelection(NOTHING)}
        >
          <Button icon={Trash2} onPress={() => setDeleting([...selection.ids])}>
            {t("common.delete")}
          </Button>
        </SelectionBar>
      )}
      <BulkProgress bulk={bulk} />
      {status === "PENDING" && list.count > 0 && <p className="soft">{t("disks.continue")}</p>}
      {list.count === 0 ? (
        <Empty title={status === "READY" ? t("disks.emptyTitle") : t("disks.noneOpen")}>
          {status === "READY" ? t("disks.empty") : null}
        </Empty>
      ) : (
        <DataTable
          label={t("nav.disks")}
          count={list.count}
          columns={columns(({ imageId }) => setDeleting([imageId]))}
          rowAt={list.at}
          nameOf={nameOf}
          rowHeight={54}
          onRange={list.need}
          isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
          onToggle={(index) => setSelection((before) => toggle(before, index, idAt))}
          onExtend={(index) => setSelection((before) => extend(before, index, idAt))}
          onSelectAll={() =>
            setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt))
          }
          onRemove={(index) => {
            const id = idAt(index);
            if (id) setDeleting(selection.ids.size > 0 ? [...selection.ids] : [id]);
          }}
          onOpen={(index) => {
            const disk = list.at(index);
            if (disk?.status !== "READY") return;
            void navigate({ to: "/disks/$imageId", params: { imageId: disk.imageId } });
          }}
        />
      )}
      {deleting && (
        <FormDialog
          title={
            one === undefined
              ? t("disks.deleteTitle", { count })
              : t("disks.deleteName", { name: one })
          }
          submit={t("common.delete")}
          danger
          onClose={() => setDeleting(undefined)}
          onSubmit={async () => remove(deleting)}
        >
          <p>{t(status === "PENDING" ? "disks.abortText" : "disks.deleteText", { count })}</p>
        </FormDialog>
      )}
    </>
  );
}

export function DisksPage() {
  const [status, setStatus] = useState<Status>("READY");
  const add = (files: Parameters<typeof uploads.addDisks>[1]) =>
    uploads.addDisks(t("nav.disks"), files);
  return (
    <Page
      title={t("nav.disks")}
      lead={t("disks.lead")}
      filled
      actions={
        <FileTrigger allowsMultiple onSelect={(files) => files && add(filesOfInput(files))}>
          <Button look="primary" icon={Upload}>
            {t("upload.choose")}
          </Button>
        </FileTrigger>
      }
    >
      <div className="toolbar">
        <Select<Status>
          compact
          label={t("common.status")}
          value={status}
          onChange={setStatus}
          choices={[
            { id: "READY", name: t("status.ready") },
            { id: "PENDING", name: t("disks.open") },
          ]}
        />
      </div>
      <DropArea enabled onDrop={add}>
        <Disks key={status} status={status} />
      </DropArea>
    </Page>
  );
}
