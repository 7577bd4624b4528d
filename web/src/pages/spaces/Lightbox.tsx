/** One image over the whole window: moved through and zoomed by keyboard, mouse and touch. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { UrlKeeper } from "@tidegate/client";
import { ChevronLeft, ChevronRight, Info, Link2, Trash2, X, ZoomIn, ZoomOut } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Dialog } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { imageQuery, type Space, type SpaceImage, spaceKeys, thawImage } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { isUnreadable } from "../../lib/archived.ts";
import { srcSet } from "../../lib/variants.ts";
import { Archive } from "../../ui/Archive.tsx";
import { StatusBadge } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { Picture } from "../../ui/Picture.tsx";
import { Details } from "./Details.tsx";
import { ImageLinkDialog } from "./ImageLinkDialog.tsx";
import { thumbnailsOf } from "./thumbnails.ts";
import { useZoom } from "./use-zoom.ts";
import "./lightbox.css";

interface LightboxProps {
  space: Space;
  imageId: string;
  /** The image as the list has it, if it has it. */
  known: SpaceImage | undefined;
  position: number;
  count: number;
  editable: boolean;
  keeper: UrlKeeper<SpaceImage>;
  onMove: (position: number) => void;
  onRemove: (id: string) => void;
  onClose: () => void;
}

export function Lightbox(props: LightboxProps) {
  const { space, imageId, known, position, count, editable, keeper, onMove, onClose } = props;
  /** The image none of whose URLs loads. Lists do not know of every archived image; the image does. */
  const [broken, setBroken] = useState<string>();
  const query = useQuery({
    ...imageQuery(space.id, imageId),
    enabled: known === undefined || broken === imageId,
  });
  const queries = useQueryClient();
  const asked = query.data;
  const image = known && asked ? { ...known, archive: asked.archive ?? null } : (known ?? asked);
  const unreadable = isUnreadable(image?.archive);
  useEffect(() => {
    // Its thumbnails may be readable.
    if (unreadable && keeper.get(imageId).status === "broken") keeper.retry(imageId);
  }, [unreadable, keeper, imageId]);
  async function thawOriginal() {
    const archive = await thawImage(space.id, imageId);
    queries.setQueryData<SpaceImage>(
      spaceKeys.image(space.id, imageId),
      image && { ...image, archive: archive ?? null },
    );
    return archive;
  }
  const thaw = editable ? thawOriginal : undefined;
  const [details, setDetails] = useState(false);
  const [linking, setLinking] = useState(false);
  const published = image?.status === "READY";
  const zoom = useZoom(imageId);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => body.current?.focus(), []);
  const before = position > 0 ? position - 1 : null;
  const after = position >= 0 && position + 1 < count ? position + 1 : null;
  const name = image?.name || t("image.unnamed");

  function actionOf(key: string): (() => void) | null {
    switch (key) {
      case "ArrowLeft":
        return () => before !== null && onMove(before);
      case "ArrowRight":
        return () => after !== null && onMove(after);
      case "Home":
        return () => before !== null && onMove(0);
      case "End":
        return () => after !== null && onMove(count - 1);
      case "+":
      case "=":
        return zoom.closer;
      case "-":
        return zoom.farther;
      case "0":
        return zoom.reset;
      case "i":
        return () => setDetails((shown) => !shown);
      case "c":
        return () => setLinking(published);
      case "Delete":
        return () => editable && props.onRemove(imageId);
      default:
        return null;
    }
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = actionOf(event.key);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  return (
    <ModalOverlay className="lightbox" isOpen onOpenChange={(open) => !open && onClose()}>
      <Modal className="lightbox-modal">
        <Dialog className="lightbox-dialog" aria-label={name}>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: the dialog's keys */}
          <div
            ref={body}
            tabIndex={-1}
            className={`lightbox-body ${details ? "with-details" : ""}`}
            onKeyDown={onKeyDown}
          >
            <header className="lightbox-bar">
              <div className="lightbox-name">
                <span className="clip" dir="auto">
                  {name}
                </span>
                {position >= 0 && (
                  <span className="soft small number">
                    {t("image.position", { position: position + 1, count })}
                  </span>
                )}
              </div>
              <IconButton icon={ZoomOut} label={t("image.zoomOut")} onPress={zoom.farther} />
              <IconButton icon={ZoomIn} label={t("image.zoomIn")} onPress={zoom.closer} />
              <IconButton
                icon={Link2}
                label={t("image.copyLink")}
                isDisabled={!published}
                onPress={() => setLinking(true)}
              />
              <IconButton
                icon={Info}
                label={t("image.details")}
                aria-pressed={details}
                onPress={() => setDetails(!details)}
              />
              {editable && (
                <IconButton
                  icon={Trash2}
                  label={t("image.delete")}
                  onPress={() => props.onRemove(imageId)}
                />
              )}
              <IconButton icon={X} label={t("common.close")} onPress={onClose} />
            </header>
            <div className="lightbox-stage" {...zoom.stage}>
              {image && published ? (
                <div className="lightbox-picture" style={zoom.style}>
                  <Picture
                    key={`${imageId} ${unreadable}`}
                    contain
                    alt={name}
                    keeper={keeper}
                    id={imageId}
                    source={unreadable ? thumbnailsOf : pictureOf}
                    sizes={`${Math.round(100 * zoom.scale)}vw`}
                    blurhash={image.blurhash}
                    onBroken={() => setBroken(imageId)}
                  />
                </div>
              ) : image ? (
                <div className="lightbox-unfinished">
                  <StatusBadge status={image.status} />
                  {image.reason && <p>{image.reason}</p>}
                </div>
              ) : query.error ? (
                <Failure error={query.error} onRetry={() => void query.refetch()} />
              ) : (
                <Loading />
              )}
              {unreadable && (
                <div className="lightbox-archive">
                  <Archive key={imageId} archive={image?.archive} thaw={thaw} />
                </div>
              )}
              {before !== null && (
                <div className="lightbox-before">
                  <IconButton
                    icon={ChevronLeft}
                    look="plain"
                    label={t("image.previous")}
                    onPress={() => onMove(before)}
                  />
                </div>
              )}
              {after !== null && (
                <div className="lightbox-after">
                  <IconButton
                    icon={ChevronRight}
                    look="plain"
                    label={t("image.next")}
                    onPress={() => onMove(after)}
                  />
                </div>
              )}
            </div>
            {details && image && (
              <Details
                space={space}
                image={image}
                editable={editable}
                onLink={() => setLinking(true)}
              />
            )}
          </div>
          {/* Beside the element whose keys move among the images. */}
          {linking && image && (
            <ImageLinkDialog image={image} thaw={thaw} onClose={() => setLinking(false)} />
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** The thumbnails, and the image itself as the largest of them. */
function pictureOf(image: SpaceImage) {
  const { cloudfrontUrl, width, thumbnails } = image;
  const smaller = srcSet(thumbnails);
  const src = cloudfrontUrl ?? undefined;
  return { src, srcSet: src && width && smaller ? `${smaller}, ${src} ${width}w` : "" };
}
