import type { Upload, Uploader, UploadSource, UploadSurface } from "@tidegate/client";
import {
  BasePlugin,
  type Body,
  EventManager,
  type Meta,
  type PluginOpts,
  type Uppy,
  type UppyFile,
} from "@uppy/core";

/** Settings of the plugin. */
export interface TidegateOptions<M extends Meta, B extends Body> extends PluginOpts {
  uploader: Uploader;
  /** Says where a file goes, such as `(file) => userFiles(client, { folder: file.meta.folder })`. */
  surface(file: UppyFile<M, B>): UploadSurface<unknown>;
}

/**
 * Uploads what Uppy collects by Tidegate's own uploader: parts, resume after a reload, pause and retry are
 * its own. What the server said at completion is the `body` of `upload-success`.
 */
export class TidegateUpload<M extends Meta, B extends Body> extends BasePlugin<
  TidegateOptions<M, B>,
  M,
  B
> {
  constructor(uppy: Uppy<M, B>, options: TidegateOptions<M, B>) {
    super(uppy, options);
    this.type = "uploader";
    this.id = options.id ?? "Tidegate";
  }

  override install(): void {
    this.#setResumable(true);
    this.uppy.addUploader(this.#uploadFiles);
  }

  override uninstall(): void {
    this.#setResumable(false);
    this.uppy.removeUploader(this.#uploadFiles);
  }

  /** By Uppy's id of the file: a retry continues the upload that failed. */
  readonly #uploads = new Map<string, Upload>();

  #setResumable(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads } });
  }

  readonly #uploadFiles = async (ids: string[]): Promise<void> => {
    const files = this.uppy
      .getFilesByIds(ids)
      .filter((file) => !file.error && !file.progress.uploadComplete);
    this.uppy.emit("upload-start", files);
    await Promise.all(files.map((file) => this.#uploadFile(file)));
  };

  /** Resolves once the file is done, has failed or was removed. */
  #uploadFile(file: UppyFile<M, B>): Promise<void> {
    return new Promise((resolve) => {
      const upload = this.#start(file);
      const events = new EventManager(this.uppy);
      const finish = () => {
        events.remove();
        unsubscribe();
        resolve();
      };
      const discard = () => {
        finish();
        this.#uploads.delete(file.id);
        this.opts.uploader
          .remove(upload)
          .catch((error: unknown) => this.uppy.log(error, "warning"));
      };
      const unsubscribe = upload.subscribe(() => {
        if (this.#report(file.id, upload)) finish();
      });
      events.onFileRemove(file.id, discard);
      events.onCancelAll(file.id, discard);
      events.onPause(file.id, (isPaused) => (isPaused ? upload.pause() : upload.resume()));
      events.onPauseAll(file.id, () => upload.pause());
      events.onResumeAll(file.id, () => upload.resume());
      if (file.isPaused) upload.pause();
      if (this.#report(file.id, upload)) finish();
    });
  }

  #start(file: UppyFile<M, B>): Upload {
    const failed = this.#uploads.get(file.id);
    if (failed !== undefined && failed.snapshot.state === "failed") {
      failed.resume();
      return failed;
    }
    const upload = this.opts.uploader.add(sourceOf(file), this.opts.surface(file));
    this.#uploads.set(file.id, upload);
    return upload;
  }

  /** Tells Uppy how far an upload is, and returns whether it is over. */
  #report(id: string, upload: Upload): boolean {
    const file = this.uppy.getFile(id);
    const { state, progress, error, result } = upload.snapshot;
    if (state === "done") {
      this.uppy.emit("upload-success", file, { status: 200, body: result as B });
      return true;
    }
    if (state === "failed" && error !== undefined) {
      this.uppy.emit("upload-error", file, error, { status: error.status });
      return true;
    }
    const uploadStarted = file.progress.uploadStarted ?? Date.now();
    const { sent, total } = progress;
    this.uppy.emit("upload-progress", file, {
      uploadStarted,
      bytesUploaded: sent,
      bytesTotal: total,
    });
    return false;
  }
}

function sourceOf<M extends Meta, B extends Body>(file: UppyFile<M, B>): UploadSource {
  if (file.isRemote) throw new Error("files of remote providers go through Uppy's Companion");
  const { data } = file;
  const lastModified = data instanceof File ? data.lastModified : 0;
  return { blob: data as Blob, name: file.name ?? "", type: file.type ?? "", lastModified };
}
