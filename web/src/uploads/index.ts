/** All uploads of this tab. They go on while the user moves through the pages. */
import {
  diskImages,
  packageAssets,
  packages,
  sessionMedia,
  spaceImages,
  type Upload,
  type UploadedFile,
  Uploader,
  type UploadSurface,
  userFiles,
} from "@tidegate/client";
import { client } from "../api/client.ts";
import { datasetKeys, getNode } from "../api/datasets.ts";
import { getFileMetadata } from "../api/files.ts";
import { getMedia } from "../api/sessions.ts";
import { getImage, spaceKeys } from "../api/spaces.ts";
import { queries } from "../app/queries.ts";
import { refreshSoon } from "../app/refresh-soon.ts";
import type { DroppedFile } from "../lib/dropped-files.ts";
import { assetPath } from "../lib/folders.ts";
import { fates, type Uploaded } from "./fates.ts";
import { isResumable } from "./totals.ts";

export interface TrayEntry {
  upload: Upload;
  /** Where the file goes, in the user's words. Text of a stranger: never markup. */
  place: string;
  /** The page that shows items by their status. */
  gallery?: Gallery | undefined;
}

export interface Gallery {
  of: "space" | "session";
  id: string;
}

interface Target<Result> {
  place: string;
  surface: UploadSurface<Result>;
  gallery?: Gallery;
  /** Returns what to follow until the server has published or rejected it. */
  follow?: (result: Result) => Uploaded | undefined;
  /** Called with the file's result once the server has all of it. */
  done?: (result: Result) => void;
}

/** Nothing more happens to it, and nothing went wrong. */
const isOver = ({ upload }: TrayEntry) => {
  const { state } = upload.snapshot;
  const fate = fates.of(upload.id)?.state ?? "published";
  return state === "aborted" || (state === "done" && fate === "published");
};

const isSent = ({ upload }: TrayEntry) =>
  ["done", "aborted", "failed"].includes(upload.snapshot.state);

const refresh = refreshSoon(queries);

class UploadCenter {
  readonly #uploader = new Uploader(client);
  readonly #listeners = new Set<() => void>();
  #entries: readonly TrayEntry[] = [];

  get entries(): readonly TrayEntry[] {
    return this.#entries;
  }

  snapshot = (): readonly TrayEntry[] => this.#entries;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Whether closing the tab would interrupt something. */
  get busy(): boolean {
    return this.#entries.some((entry) => !isSent(entry));
  }

  addToSpace(space: { id: string; name: string }, files: DroppedFile[]): void {
    const surface = spaceImages(client, space.id);
    this.#add(files, () => ({
      place: space.name,
      surface,
      gallery: { of: "space", id: space.id },
      follow: (image) => ({ ...image, look: () => getImage(space.id, image.id) }),
      done: () => refresh(spaceKeys.one(space.id)),
    }));
  }

  addToFiles(folder: string, visibility: "public" | "private", files: DroppedFile[]): void {
    const done = () => refresh(["files"]);
    this.#add(files, (dropped) => {
      const path = [folder, dropped.folder].filter(Boolean).join("/");
      const options = path ? { folder: path, visibility } : { visibility };
      return {
        place: path ? `/${path}` : "/",
        surface: userFiles(client, options),
        follow: (file: UploadedFile) => ({
          ...file,
          id: file.key,
          look: () => getFileMetadata(file.key),
        }),
        done,
      };
    });
  }

  addDisks(place: string, files: DroppedFile[]): void {
    const done = () => refresh(["disks"]);
    this.#add(files, () => ({ place, surface: diskImages(client), done }));
  }

  addToSession(sessionId: string, stage: string, place: string, files: DroppedFile[]): void {
    this.#add(files, () => ({
      place,
      surface: sessionMedia(client, sessionId, { stage }),
      gallery: { of: "session", id: sessionId },
      follow: (media) => ({ ...media, look: () => getMedia(sessionId, media.id) }),
      done: () => refresh(["sessions", "media", sessionId]),
    }));
  }

  addToDataset(
    datasetId: string,
    parentId: string | undefined,
    place: string,
    files: DroppedFile[],
  ): void {
    const done = () => refresh(["datasets"]);
    const options = parentId ? { datasetId, parentId } : { datasetId };
    this.#add(files, () => ({
      place,
      surface: packages(client, options),
      follow: (node) =>
        "nodeId" in node
          ? { ...node, id: node.nodeId, look: () => getNode(node.nodeId) }
          : undefined,
      done,
    }));
  }

  addAssets(
    datasetId: string,
    { nodeId: packageId, name }: { nodeId: string; name: string },
    folder: string,
    files: DroppedFile[],
  ): void {
    const done = () => refresh(datasetKeys.assets(datasetId, packageId));
    this.#add(files, (dropped) => {
      const path = assetPath(folder, dropped.folder, dropped.file.name);
      return { place: name, surface: packageAssets(client, { datasetId, packageId, path }), done };
    });
  }

  async remove(entry: TrayEntry): Promise<void> {
    this.#set(this.#entries.filter((other) => other !== entry));
    fates.forget(entry.upload.id);
    await this.#uploader.remove(entry.upload);
  }

  clearFinished(): void {
    const over = this.#entries.filter(isOver);
    this.#set(this.#entries.filter((entry) => !isOver(entry)));
    for (const { upload } of over) {
      fates.forget(upload.id);
      void this.#uploader.remove(upload);
    }
  }

  pauseAll(): void {
    for (const { upload } of this.#entries) upload.pause();
  }

  /** Goes on with everything that is paused, or failed and may pass now. */
  resumeAll(): void {
    for (const { upload } of this.#entries) {
      if (isResumable(upload.snapshot)) upload.resume();
    }
  }

  #add<Result>(files: DroppedFile[], target: (file: DroppedFile) => Target<Result>): void {
    const added = files.map((dropped) => {
      const { place, surface, gallery, follow, done } = target(dropped);
      const upload = this.#uploader.add(dropped.file, surface);
      const unsubscribe = upload.subscribe(() => {
        const { state, result } = upload.snapshot;
        if (state === "aborted") unsubscribe();
        if (state !== "done") return;
        unsubscribe();
        const uploaded = follow?.(result as Result);
        if (uploaded) fates.watch(upload.id, uploaded);
        done?.(result as Result);
      });
      return { upload: upload as unknown as Upload, place, gallery };
    });
    this.#set([...this.#entries, ...added]);
  }

  #set(entries: readonly TrayEntry[]): void {
    this.#entries = entries;
    for (const listener of this.#listeners) listener();
  }
}

export const uploads = new UploadCenter();

addEventListener("beforeunload", (event) => {
  if (uploads.busy) event.preventDefault();
});
