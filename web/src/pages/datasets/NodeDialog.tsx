/** One package: its source file, its assets, and where it is in its life. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, RotateCcw, Trash2 } from "lucide-react";
import {
  datasetKeys,
  deleteNodes,
  listAssets,
  type PackageAsset,
  packageUrl,
  pathQuery,
  restoreNodes,
} from "../../api/datasets.ts";
import { usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { saveFrom } from "../../lib/save.ts";
import { StatusBadge } from "../../ui/Badge.tsx";
import { Button, IconButton } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";
import "./datasets.css";

function Assets({ datasetId, nodeId }: { datasetId: string; nodeId: string }) {
  const list = usePagedList<PackageAsset>({
    queryKey: datasetKeys.assets(datasetId, nodeId),
    fetchPage: (cursor, signal) => listAssets(datasetId, nodeId, cursor, signal),
  });
  if (list.error) return <Failure error={list.error} />;
  if (list.isPending) return <Loading />;
  if (list.loaded === 0) return <p className="soft">{t("datasets.noAssets")}</p>;
  const assets = Array.from({ length: list.loaded }, (_, index) => list.at(index));
  async function save(path: string) {
    try {
      saveFrom(await packageUrl(datasetId, nodeId, path));
    } catch (failure) {
      tellFailure(failure);
    }
  }
  return (
    <ul className="assets">
      {assets.map(
        (asset) =>
          asset && (
            <li key={asset.id}>
              <span className="clip" dir="auto">
                {asset.path}
              </span>
              {asset.status === "READY" ? (
                <span className="soft small number">
                  {asset.size == null ? "" : formatBytes(asset.size)}
                </span>
              ) : (
                <StatusBadge status={asset.status} />
              )}
              <IconButton
                icon={Download}
                label={t("files.saveName", { name: asset.path })}
                isDisabled={asset.status !== "READY"}
                onPress={() => void save(asset.path)}
              />
            </li>
          ),
      )}
      {!list.complete && (
        <li>
          <Button onPress={() => list.need(list.loaded)}>{t("common.more")}</Button>
        </li>
      )}
    </ul>
  );
}

interface NodeDialogProps {
  datasetId: string;
  nodeId: string;
  onClose: () => void;
}

export function NodeDialog({ datasetId, nodeId, onClose }: NodeDialogProps) {
  const query = useQuery(pathQuery(nodeId));
  const queries = useQueryClient();
  const node = query.data?.at(-1);
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
  async function save() {
    try {
      saveFrom(await packageUrl(datasetId, nodeId));
    } catch (failure) {
      tellFailure(failure);
    }
  }
  return (
    <Dialog title={node?.name ?? t("datasets.package")} onClose={onClose} wide>
      {node ? (
        <>
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
              <h3>{t("datasets.assets")}</h3>
              <Assets datasetId={datasetId} nodeId={nodeId} />
            </section>
          )}
          <div className="dialog-buttons">
            {node.status === "DELETED" ? (
              <Button look="primary" icon={RotateCcw} onPress={() => void change(true)}>
                {t("datasets.restore")}
              </Button>
            ) : (
              <Button icon={Trash2} onPress={() => void change(false)}>
                {t("common.delete")}
              </Button>
            )}
            {node.status === "READY" && node.type !== "Collection" && (
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
    </Dialog>
  );
}
