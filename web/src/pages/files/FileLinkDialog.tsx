/** A link to a file, for anybody who has it. */
import { useQueryClient } from "@tanstack/react-query";
import {
  type Disposition,
  fileKeys,
  type ListedFile,
  signLink,
  thawFile,
} from "../../api/files.ts";
import { t } from "../../i18n/i18n.ts";
import { LinkDialog } from "../../ui/LinkDialog.tsx";

export function FileLinkDialog({ file, onClose }: { file: ListedFile; onClose: () => void }) {
  const queries = useQueryClient();
  return (
    <LinkDialog<Disposition>
      title={t("link.title")}
      name={file.filename}
      lifetime="3600"
      label={t("link.opens")}
      choices={[
        { id: "inline", name: t("link.inline") },
        { id: "attachment", name: t("link.attachment") },
      ]}
      until={(time) => t("link.until", { time })}
      end={t("link.end", { action: t("files.revoke") })}
      create={async (seconds, disposition) => {
        const { signed_url, expiresAt } = await signLink(file.key, seconds, disposition);
        return { url: signed_url, expiresAt };
      }}
      thaw={async () => {
        const archive = await thawFile(file.key);
        await queries.invalidateQueries({ queryKey: fileKeys.all });
        return archive;
      }}
      onClose={onClose}
    />
  );
}
