import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { FolderPlus, Upload } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { createCollection, type Dataset, pathQuery } from "../../api/datasets.ts";
import { t } from "../../i18n/i18n.ts";
import { type DroppedFile, filesOfInput } from "../../lib/dropped-files.ts";
import { COLLECTION_NAME_BYTES } from "../../lib/fit-name.ts";
import { Button } from "../../ui/Button.tsx";
import { CreateDialog } from "../../ui/CreateDialog.tsx";
import { DropArea } from "../../ui/DropArea.tsx";
import { Select } from "../../ui/Field.tsx";
import { uploads } from "../../uploads/index.ts";
import { mayEdit } from "../spaces/roles.ts";
import { DatasetFrame } from "./DatasetFrame.tsx";
import { NodeDialog } from "./NodeDialog.tsx";
import { NodeList } from "./NodeList.tsx";

const STATUSES = ["READY", "ALL", "PENDING", "SCANNING", "REJECTED", "FAILED", "DELETED"] as const;
type Status = (typeof STATUSES)[number];

const statusChoices = (editable: boolean) =>
  STATUSES.filter((id) => editable || id !== "DELETED").map((id) => ({
    id,
    name: id === "ALL" ? t("gallery.all") : t(`status.${id.toLowerCase()}` as "status.ready"),
  }));

export function TreePage() {
  const { datasetId } = useParams({ from: "/datasets/$datasetId" });
  const { parent, node, deleted } = useSearch({ from: "/datasets/$datasetId" });
  const navigate = useNavigate({ from: "/datasets/$datasetId" });
  const [status, setStatus] = useState<Status>(deleted ? "DELETED" : "READY");
  const [creating, setCreating] = useState(false);
  const queries = useQueryClient();
  async function addCollection(name: string) {
    await createCollection(datasetId, name, parent);
    await queries.invalidateQueries({ queryKey: ["datasets"] });
  }
  const path = useQuery({ ...pathQuery(parent ?? ""), enabled: parent !== undefined });
  const here = parent === undefined ? [] : (path.data ?? []);
  const add = (dataset: Dataset, files: DroppedFile[]) =>
    uploads.addToDataset(datasetId, parent, here.at(-1)?.name ?? dataset.name, files);
  return (
    <DatasetFrame
      datasetId={datasetId}
      path={here}
      actions={(dataset) =>
        mayEdit(dataset.role) ? (
          <>
            <Button icon={FolderPlus} onPress={() => setCreating(true)}>
              {t("datasets.newCollection")}
            </Button>
            <FileTrigger
              allowsMultiple
              onSelect={(files) => files && add(dataset, filesOfInput(files))}
            >
              <Button look="primary" icon={Upload}>
                {t("upload.choose")}
              </Button>
            </FileTrigger>
          </>
        ) : null
      }
    >
      {(dataset) => (
        <DropArea enabled={mayEdit(dataset.role)} onDrop={(files) => add(dataset, files)}>
          <NodeList
            key={`${parent} ${status}`}
            datasetId={datasetId}
            parent={parent ?? ""}
            status={status}
            editable={mayEdit(dataset.role)}
            filter={
              <Select<Status>
                compact
                label={t("common.status")}
                value={status}
                onChange={setStatus}
                choices={statusChoices(mayEdit(dataset.role))}
              />
            }
            onOpen={(opened) => {
              const search =
                opened.type === "Collection" && opened.status !== "DELETED"
                  ? { parent: opened.nodeId }
                  : { parent, node: opened.nodeId };
              void navigate({ search });
            }}
          />
          {creating && (
            <CreateDialog
              title={t("datasets.newCollection")}
              most={COLLECTION_NAME_BYTES}
              onCreate={addCollection}
              onClose={() => setCreating(false)}
            />
          )}
          {node && (
            <NodeDialog
              datasetId={datasetId}
              nodeId={node}
              editable={mayEdit(dataset.role)}
              onClose={() => void navigate({ search: { parent } })}
            />
          )}
        </DropArea>
      )}
    </DatasetFrame>
  );
}
