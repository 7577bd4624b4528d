/** Chooses files to upload beside a package, and where they go below it. */
import { FolderUp, Upload } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import type { PackageNode } from "../../api/datasets.ts";
import { t } from "../../i18n/i18n.ts";
import { type DroppedFile, filesOfInput } from "../../lib/dropped-files.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { TextField } from "../../ui/Field.tsx";
import { uploads } from "../../uploads/index.ts";

interface AssetUploadProps {
  datasetId: string;
  node: PackageNode;
  onClose: () => void;
}

export function AssetUpload({ datasetId, node, onClose }: AssetUploadProps) {
  const [folder, setFolder] = useState("");
  function add(files: DroppedFile[]) {
    uploads.addAssets(datasetId, node, folder, files);
    onClose();
  }
  return (
    <Dialog title={t("datasets.uploadAssets")} onClose={onClose}>
      <TextField
        label={t("files.folder")}
        description={t("datasets.assetFolderHint")}
        value={folder}
        onChange={setFolder}
      />
      <div className="dialog-buttons">
        <FileTrigger acceptDirectory onSelect={(files) => files && add(filesOfInput(files))}>
          <Button icon={FolderUp}>{t("files.chooseFolder")}</Button>
        </FileTrigger>
        <FileTrigger allowsMultiple onSelect={(files) => files && add(filesOfInput(files))}>
          <Button look="primary" icon={Upload}>
            {t("files.chooseFiles")}
          </Button>
        </FileTrigger>
      </div>
    </Dialog>
  );
}
