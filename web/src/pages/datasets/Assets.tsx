/** The assets of a package: downloaded, previewed, and deleted by editors. */
import { Download, Table2, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import {
  datasetKeys,
  deleteAsset,
  listAssets,
  type PackageAsset,
  packageUrl,
} from "../../api/datasets.ts";
import { useListEditor, usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes } from "../../lib/format.ts";
import { saveFrom } from "../../lib/save.ts";
import { StatusBadge } from "../../ui/Badge.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { FormDialog } from "../../ui/Dialog.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { isParquet, type Previewed } from "./previewed.ts";

const SETTLED = ["READY", "REJECTED", "FAILED"];
/** Milliseconds after which assets that are still being worked on are read again. */
const REREAD = 2_000;

interface AssetProps {
  asset: PackageAsset;
  editable: boolean;
  onPreview: (file: Previewed) => void;
  onSave: (path: string) => void;
  onDelete: (asset: PackageAsset) => void;
}

function Asset({ asset, editable, onPreview, onSave, onDelete }: AssetProps) {
  const { path, size, status, contentType } = asset;
  const ready = status === "READY";
  return (
    <li>
      <span className="clip" dir="auto">
        {path}
      </span>
      {ready ? (
        <span className="soft small number">{size == null ? "" : formatBytes(size)}</span>
      ) : (
        <StatusBadge status={status} />
      )}
      <span className="asset-buttons">
        {ready && size != null && isParquet(path, contentType) && (
          <IconButton
            icon={Table2}
            label={t("parquet.previewName", { name: path })}
            onPress={() => onPreview({ path, name: path, size })}
          />
        )}
        <IconButton
          icon={Download}
          label={t("files.saveName", { name: path })}
          isDisabled={!ready}
          onPress={() => onSave(path)}
        />
        {editable && (
          <IconButton
            icon={Trash2}
            label={t("disks.deleteName", { name: path })}
            onPress={() => onDelete(asset)}
          />
        )}
      </span>
    </li>
  );
}

interface AssetsProps {
  datasetId: string;
  nodeId: string;
  editable: boolean;
  onPreview: (file: Previewed) => void;
}

export function Assets({ datasetId, nodeId, editable, onPreview }: AssetsProps) {
  const queryKey = datasetKeys.assets(datasetId, nodeId);
  const edit = useListEditor<PackageAsset>(queryKey);
  const [deleting, setDeleting] = useState<PackageAsset>();
  const list = usePagedList<PackageAsset>({
    queryKey,
    fetchPage: (cursor, signal) => listAssets(datasetId, nodeId, cursor, signal),
  });
  const { held, refetch } = list;
  useEffect(() => {
    if (held().every(({ status }) => SETTLED.includes(status))) return;
    const timer = setTimeout(refetch, REREAD);
    return () => clearTimeout(timer);
  }, [held, refetch]);
  if (list.error) return <Failure error={list.error} />;
  if (list.isPending) return <Loading />;
  if (list.loaded === 0) return <p className="soft">{t("datasets.noAssets")}</p>;
  async function save(path: string) {
    try {
      saveFrom(await packageUrl(datasetId, nodeId, path));
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function remove({ id, path }: PackageAsset) {
    await deleteAsset(datasetId, nodeId, path);
    edit((items) => items.filter((asset) => asset.id !== id));
    tell(t("disks.deleted", { name: path }));
  }
  return (
    <>
      <ul className="assets">
        {list.held().map((asset) => (
          <Asset
            key={asset.id}
            asset={asset}
            editable={editable}
            onPreview={onPreview}
            onSave={(path) => void save(path)}
            onDelete={setDeleting}
          />
        ))}
        {!list.complete && (
          <li>
            <Button onPress={() => list.need(0, list.loaded)}>{t("common.more")}</Button>
          </li>
        )}
      </ul>
      {deleting && (
        <FormDialog
          title={t("disks.deleteName", { name: deleting.path })}
          submit={t("common.delete")}
          danger
          onClose={() => setDeleting(undefined)}
          onSubmit={() => remove(deleting)}
        >
          <p>{t("datasets.deleteAssetText")}</p>
        </FormDialog>
      )}
    </>
  );
}
