/** One package: its source file, its assets, and where it is in its life. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, RotateCcw, Table2, Trash2, Upload } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import {
  deleteNodes,
  type PackageNode,
  packageUrl,
  pathQuery,
  restoreNodes,
  thawNode,
} from "../../api/datasets.ts";
import { t } from "../../i18n/i18n.ts";
import { isUnreadable } from "../../lib/archived.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { saveFrom } from "../../lib/save.ts";
import { Archive, useThawOffer } from "../../ui/Archive.tsx";
import { StatusBadge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import { Assets } from "./Assets.tsx";
import { AssetUpload } from "./AssetUpload.tsx";
import { isParquet, type Previewed } from "./previewed.ts";
import "./datasets.css";

const ParquetDialog = lazy(() =>
  import("./ParquetDialog.tsx").then((module) => ({ default: module.ParquetDialog })),
);

interface NodeDialogProps {
  datasetId: string;
  nodeId: string;
  /** Whether the user may change what is in the dataset. */
  editable: boolean;
  onClose: () => void;
}

/** Returns whether there is a source file that can be read now. */
function hasSource({ status, type, archive }: PackageNode): boolean {
  return status === "READY" && type !== "Collection" && !isUnreadable(archive);
}

/** Returns what a preview needs of a package's source file, if it can be shown as a table. */
function previewOfSource(node: PackageNode) {
  const { size, name, fileName, contentType } = node;
  const file = fileName ?? name;
  if (!hasSource(node) || size == null || !isParquet(file, contentType)) return undefined;
  return { name: file, size };
}

export function NodeDialog({ datasetId, nodeId, editable, onClose }: NodeDialogProps) {
  const [previewed, setPreviewed] = useState<Previewed>();
  const [uploading, setUploading] = useState(false);
  const [offerThaw, thawOffer] = useThawOffer();
  const query = useQuery(pathQuery(nodeId));
  const queries = useQueryClient();
  const node = query.data?.at(-1);
  const source = node && previewOfSource(node);
  async function change(restore: boolean) {
    try {
      const act = restore ? restoreNodes : deleteNodes;
      const { failures } = await act(datasetId, [nodeId]);
      const [failure] = failures;
      if (failure) throw new Error(failure.error);
      tell(t(restore ? "datasets.restored" : "datasets.deleted", { count: 1 }));
      onClose();
      await queries.invalidateQueries({ queryKey: ["datasets"] });
    } catch (failure) {
      tellFailure(failure);
    }
  }
  async function thawSource() {
    const archive = await thawNode(datasetId, nodeId);
    await queries.invalidateQueries({ queryKey: ["datasets"] });
    return archive;
  }
  const thaw = editable ? thawSource : undefined;
  async function save() {
    try {
      saveFrom(await packageUrl(datasetId, nodeId));
    } catch (failure) {
      if (!offerThaw(failure, thaw)) tellFailure(failure);
    }
  }
  return (
    <Dialog title={node?.name ?? t("datasets.package")} onClose={onClose} wide>
      {node ? (
        <>
          <Archive archive={node.archive} thaw={thaw} />
          <dl className="facts">
            <dt>{t("common.status")}</dt>
            <dd>
              <StatusBadge status={node.status} /> {node.reason}
            </dd>
            {node.fileName && (
              <>
                <dt>{t("datasets.file")}</dt>
                <dd dir="auto">{node.fileName}</dd>
              </>
            )}
            {node.contentType && (
              <>
                <dt>{t("common.type")}</dt>
                <dd>{node.contentType}</dd>
              </>
            )}
            {node.size != null && (
              <>
                <dt>{t("common.size")}</dt>
                <dd>{formatBytes(node.size)}</dd>
              </>
            )}
            <dt>{t("common.created")}</dt>
            <dd>{formatDateTime(node.createdAt)}</dd>
            <dt>{t("common.by")}</dt>
            <dd dir="auto">{node.createdBy}</dd>
            {node.deletedAt && (
              <>
                <dt>{t("trash.deleted")}</dt>
                <dd>{formatDateTime(node.deletedAt)}</dd>
              </>
            )}
            <dt>{t("datasets.id")}</dt>
            <dd>
              <code>{node.nodeId}</code>
            </dd>
          </dl>
          {node.type !== "Collection" && node.status === "READY" && (
            <section>
              <div className="assets-head">
                <h3>{t("datasets.assets")}</h3>
                {editable && (
                  <Button look="quiet" icon={Upload} onPress={() => setUploading(true)}>
                    {t("datasets.uploadAssets")}
                  </Button>
                )}
              </div>
              <Assets
                datasetId={datasetId}
                nodeId={nodeId}
                editable={editable}
                onPreview={setPreviewed}
              />
            </section>
          )}
          <div className="dialog-buttons">
            {editable &&
              (node.status === "DELETED" ? (
                <Button look="primary" icon={RotateCcw} onPress={() => void change(true)}>
                  {t("datasets.restore")}
                </Button>
              ) : (
                <Button icon={Trash2} onPress={() => void change(false)}>
                  {t("common.delete")}
                </Button>
              ))}
            {source && (
              <Button icon={Table2} onPress={() => setPreviewed(source)}>
                {t("parquet.preview")}
              </Button>
            )}
            {hasSource(node) && (
              <Button look="primary" icon={Download} onPress={() => void save()}>
                {t("datasets.download")}
              </Button>
            )}
          </div>
        </>
      ) : query.error ? (
        <Failure error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading />
      )}
      {uploading && node && (
        <AssetUpload datasetId={datasetId} node={node} onClose={() => setUploading(false)} />
      )}
      {thawOffer}
      {previewed && (
        <Suspense>
          <ParquetDialog
            datasetId={datasetId}
            nodeId={nodeId}
            {...previewed}
            thaw={thaw}
            onClose={() => setPreviewed(undefined)}
          />
        </Suspense>
      )}
    </Dialog>
  );
}
