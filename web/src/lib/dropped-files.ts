/** Files that were dropped or chosen, with the folders they lay in. */
export interface DroppedFile {
  file: File;
  /** Path of the folder below what was dropped, without slashes at its ends; empty for none. */
  folder: string;
}

function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => {
    const entries: FileSystemEntry[] = [];
    // A reader gives at most a hundred entries at a time, and none at the end.
    const next = () =>
      reader.readEntries((some) => {
        if (some.length === 0) resolve(entries);
        else {
          entries.push(...some);
          next();
        }
      }, reject);
    next();
  });
}

async function walk(entry: FileSystemEntry, folder: string, found: DroppedFile[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ file, folder });
    return;
  }
  const path = folder ? `${folder}/${entry.name}` : entry.name;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (const child of await readAll(reader)) await walk(child, path, found);
}

/** Returns all files of a drop, those in folders included. */
export async function filesOf(transfer: DataTransfer): Promise<DroppedFile[]> {
  // The items are gone after the first wait, so all entries are taken before it.
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry());
  const plain = [...transfer.files];
  if (entries.every((entry) => entry === null)) return plain.map((file) => ({ file, folder: "" }));
  const found: DroppedFile[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", found);
  return found;
}

/** Returns the files of an `<input type="file">`, with folders if a folder was chosen. */
export function filesOfInput(files: Iterable<File>): DroppedFile[] {
  return [...files].map((file) => ({
    file,
    folder: file.webkitRelativePath.split("/").slice(0, -1).join("/"),
  }));
}
