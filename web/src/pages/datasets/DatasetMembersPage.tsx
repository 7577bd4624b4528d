import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import {
  type Dataset,
  type DatasetRole,
  datasetKeys,
  listDatasetMembers,
  removeDatasetMember,
  setDatasetMember,
} from "../../api/datasets.ts";
import { t } from "../../i18n/i18n.ts";
import { AddMember, AddMemberButton, type MemberSource, Members } from "../members/Members.tsx";
import { DatasetFrame } from "./DatasetFrame.tsx";

const BY_MANAGERS: readonly DatasetRole[] = ["viewer", "editor"];
const BY_OWNERS: readonly DatasetRole[] = [...BY_MANAGERS, "manager", "owner"];

const sourceOf = ({ id, role }: Dataset): MemberSource => ({
  queryKey: datasetKeys.members(id),
  list: (cursor, signal) => listDatasetMembers(id, cursor, signal),
  set: (userId, next) => setDatasetMember(id, userId, next as DatasetRole),
  remove: (userId) => removeDatasetMember(id, userId),
  roles: role === "manager" ? BY_MANAGERS : BY_OWNERS,
  removeText: t("datasets.removeMemberText"),
});

function DatasetMembers({ dataset, adding, onClose }: DatasetMembersProps) {
  const source = useMemo(() => sourceOf(dataset), [dataset]);
  return (
    <>
      <Members source={source} />
      {adding && <AddMember source={source} onClose={onClose} />}
    </>
  );
}

interface DatasetMembersProps {
  dataset: Dataset;
  adding: boolean;
  onClose: () => void;
}

export function DatasetMembersPage() {
  const { datasetId } = useParams({ from: "/datasets/$datasetId/members" });
  const [adding, setAdding] = useState(false);
  return (
    <DatasetFrame
      datasetId={datasetId}
      actions={() => <AddMemberButton onPress={() => setAdding(true)} />}
    >
      {(dataset) => (
        <DatasetMembers dataset={dataset} adding={adding} onClose={() => setAdding(false)} />
      )}
    </DatasetFrame>
  );
}
