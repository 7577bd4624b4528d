import { useNavigate } from "@tanstack/react-router";
import { HardDrive, Trash2, Upload } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { abortDisk, type DiskImage, deleteDisk, diskKeys, listDisks } from "../../api/disks.ts";
import { useListEditor } from "../../api/paged-list.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { t } from "../../i18n/i18n.ts";
import { filesOfInput } from "../../lib/dropped-files.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { StatusBadge } from "../../ui/Badge.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Page } from "../../ui/Page.tsx";
import { tell } from "../../ui/toast.tsx";
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
          <span className="clip" dir="auto">
            {nameOf(disk)}
          </span>
        </div>
      ),
    },
    {
      id: "status",
      name: t("common.status"),
      width: "7.5rem",
      wide: true,
      cell: ({ status }) => <StatusBadge status={status} />,
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
  const [deleting, setDeleting] = useState<DiskImage>();
  const queryKey = diskKeys.list(status);
  const edit = useListEditor<DiskImage>(queryKey);
  const list = usePositionedList<DiskImage>({
    queryKey,
    fetchAt: (...page) => listDisks(status, ...page),
  });
  async function remove(disk: DiskImage) {
    if (disk.status === "PENDING") await abortDisk(disk.imageId);
    else await deleteDisk(disk.imageId);
    edit((items) => items.filter(({ imageId }) => imageId !== disk.imageId));
    tell(t("disks.deleted", { name: nameOf(disk) }));
  }
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) {
    return (
      <Empty title={status === "READY" ? t("disks.emptyTitle") : t("disks.noneOpen")}>
        {status === "READY" ? t("disks.empty") : null}
      </Empty>
    );
  }
  return (
    <>
      <DataTable
        label={t("nav.disks")}
        count={list.count}
        columns={columns(setDeleting)}
        rowAt={list.at}
        onRange={list.need}
        onRemove={(index) => setDeleting(list.at(index))}
        onOpen={(index) => {
          const disk = list.at(index);
          if (disk?.status !== "READY") return;
          void navigate({ to: "/disks/$imageId", params: { imageId: disk.imageId } });
        }}
      />
      {deleting && (
        <FormDialog
          title={t("disks.deleteName", { name: nameOf(deleting) })}
          submit={t("common.delete")}
          danger
          onClose={() => setDeleting(undefined)}
          onSubmit={() => remove(deleting)}
        >
          <p>{deleting.status === "PENDING" ? t("disks.abortText") : t("disks.deleteText")}</p>
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
