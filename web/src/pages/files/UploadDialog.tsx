/** Chooses files or a folder to upload, and who may read them. */
import { FolderUp, Upload } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { t } from "../../i18n/i18n.ts";
import { type DroppedFile, filesOfInput } from "../../lib/dropped-files.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Select, TextField } from "../../ui/Field.tsx";
import { uploads } from "../../uploads/index.ts";

type Visibility = "private" | "public";

interface UploadDialogProps {
  folder: string;
  /** Files that were dropped already, so that none are to be chosen. */
  dropped?: DroppedFile[];
  onClose: () => void;
}

export function UploadDialog({ folder, dropped, onClose }: UploadDialogProps) {
  const [into, setInto] = useState(folder);
  const [visibility, setVisibility] = useState<Visibility>("private");
  function add(files: DroppedFile[]) {
    uploads.addToFiles(into.trim(), visibility, files);
    onClose();
  }
  return (
    <Dialog title={t("files.uploadTitle")} onClose={onClose}>
      <TextField
        label={t("files.folder")}
        value={into}
        onChange={setInto}
        description={t("files.folderHint")}
      />
      <Select<Visibility>
        label={t("files.visibility")}
        choices={[
          { id: "private", name: t("files.private") },
          { id: "public", name: t("files.public") },
        ]}
        value={visibility}
        onChange={setVisibility}
      />
      <div className="dialog-buttons">
        {dropped ? (
          <Button look="primary" icon={Upload} onPress={() => add(dropped)}>
            {t("files.uploadCount", { count: dropped.length })}
          </Button>
        ) : (
          <>
            <FileTrigger acceptDirectory onSelect={(files) => files && add(filesOfInput(files))}>
              <Button icon={FolderUp}>{t("files.chooseFolder")}</Button>
            </FileTrigger>
            <FileTrigger allowsMultiple onSelect={(files) => files && add(filesOfInput(files))}>
              <Button look="primary" icon={Upload}>
                {t("files.chooseFiles")}
              </Button>
            </FileTrigger>
          </>
        )}
      </div>
    </Dialog>
  );
}
