/** What lies in a collection: opened, deleted and restored, several at once. */
import { useQueryClient } from "@tanstack/react-query";
import { FileText, Folder, RotateCcw, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import {
  datasetKeys,
  deleteNodes,
  listChildren,
  type NodeOutcomes,
  type PackageNode,
  restoreNodes,
} from "../../api/datasets.ts";
import { usePositionedList } from "../../api/positioned-list.ts";
import { t } from "../../i18n/i18n.ts";
import { archiveText } from "../../lib/archived.ts";
import { formatBytes, formatDateTime } from "../../lib/format.ts";
import { extend, NOTHING, toggle } from "../../lib/selection.ts";
import { ArchiveBadge } from "../../ui/Archive.tsx";
import { StatusBadge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Empty, Failure, Loading, Note } from "../../ui/Note.tsx";
import { SelectionBar } from "../../ui/SelectionBar.tsx";
import { tell, tellFailure } from "../../ui/toast.tsx";

function columns(): Column<PackageNode>[] {
  return [
    {
      id: "name",
      name: t("common.name"),
      width: "minmax(0, 3fr)",
      cell: ({ name, type, fileName, status, archive }) => {
        const Icon = type === "Collection" ? Folder : FileText;
        return (
          <div className="row-name">
            <Icon size={18} aria-hidden />
            <div>
              <span className="clip" dir="auto">
                {name}
              </span>
              <span className="only-narrow">
                <ArchiveBadge archive={archive} />
              </span>
              {fileName && fileName !== name && (
                <span
                  className={`clip soft small ${archiveText(archive) ? "only-wide" : ""}`}
                  dir="auto"
                >
                  {fileName}
                </span>
              )}
            </div>
            {status !== "READY" && <StatusBadge status={status} />}
            <span className="only-wide">
              <ArchiveBadge archive={archive} />
            </span>
          </div>
        );
      },
    },
    {
      id: "type",
      name: t("common.type"),
      width: "minmax(0, 1fr)",
      wide: true,
      cell: ({ contentType, type }) => (
        <span className="soft">
          {type === "Collection" ? t("datasets.collection") : contentType}
        </span>
      ),
    },
    {
      id: "size",
      name: t("common.size"),
      width: "5rem",
      align: "end",
      cell: ({ size, bytes }) => {
        const shown = size ?? bytes;
        return shown == null ? "" : formatBytes(shown);
      },
    },
    {
      id: "created",
      name: t("common.created"),
      width: "11.5rem",
      wide: true,
      cell: ({ createdAt }) => formatDateTime(createdAt),
    },
  ];
}

interface NodeListProps {
  datasetId: string;
  parent: string;
  status: string;
  editable: boolean;
  filter: ReactNode;
  onOpen: (node: PackageNode) => void;
}

export function NodeList(props: NodeListProps) {
  const { datasetId, parent, status, editable, filter, onOpen } = props;
  const queries = useQueryClient();
  const [selection, setSelection] = useState(NOTHING);
  const [failures, setFailures] = useState<NodeOutcomes["failures"]>([]);
  const list = usePositionedList<PackageNode>({
    queryKey: datasetKeys.children(datasetId, parent, status),
    fetchAt: (...page) => listChildren(datasetId, parent, status, ...page),
  });
  const idAt = (position: number) => list.at(position)?.nodeId;
  const trashed = status === "DELETED";

  async function change(ids: string[], restore: boolean) {
    setSelection(NOTHING);
    try {
      const act = restore ? restoreNodes : deleteNodes;
      const outcomes = await act(datasetId, ids);
      setFailures(outcomes.failures);
      const count = outcomes.success.length;
      if (count > 0 && restore) tell(t("datasets.restored", { count }));
      else if (count > 0) {
        const run = () => void change(outcomes.success, true);
        tell(t("datasets.deleted", { count }), { name: t("common.undo"), run });
      }
      await queries.invalidateQueries({ queryKey: ["datasets"] });
    } catch (failure) {
      tellFailure(failure);
    }
  }
  const bar =
    selection.ids.size > 0 ? (
      <SelectionBar
        text={t("datasets.selected", { count: selection.ids.size })}
        onClear={() => setSelection(NOTHING)}
      >
        <Button
          icon={trashed ? RotateCcw : Trash2}
          onPress={() => void change([...selection.ids], trashed)}
        >
          {trashed ? t("datasets.restore") : t("common.delete")}
        </Button>
      </SelectionBar>
    ) : (
      <div className="toolbar">{filter}</div>
    );
  return (
    <>
      {bar}
      {failures.length > 0 && (
        <Note look="warn">
          <ul>
            {failures.map(({ id, error }) => (
              <li key={id}>
                <code>{id}</code>: {error}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {list.error && list.loaded === 0 ? (
        <Failure error={list.error} onRetry={list.refetch} />
      ) : list.isPending ? (
        <Loading />
      ) : list.count === 0 ? (
        <Empty title={trashed ? t("datasets.noneDeleted") : t("datasets.noPackages")}>
          {status === "READY" && editable ? t("datasets.noPackagesText") : null}
        </Empty>
      ) : (
        <DataTable
          label={t("datasets.tree")}
          count={list.count}
          columns={columns()}
          rowAt={list.at}
          nameOf={({ name }) => name}
          rowHeight={54}
          onRange={list.need}
          isSelected={(index) => selection.ids.has(idAt(index) ?? "")}
          onOpen={(index) => {
            const node = list.at(index);
            if (node) onOpen(node);
          }}
          {...(editable && {
            onToggle: (index: number) => setSelection((before) => toggle(before, index, idAt)),
            onExtend: (index: number) => setSelection((before) => extend(before, index, idAt)),
            onSelectAll: () =>
              setSelection(extend({ ids: new Set(), anchor: 0 }, list.count - 1, idAt)),
            onRemove: (index: number) => {
              const id = idAt(index);
              if (!id || trashed) return;
              void change(selection.ids.size > 0 ? [...selection.ids] : [id], false);
            },
          })}
        />
      )}
    </>
  );
}
