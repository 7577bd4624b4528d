/**
 * A picture behind a URL that ends. A `UrlKeeper` renews the URL before its end and after the first
 * load that fails; if the fresh one does not load either, words stand in the picture's place.
 */
import type { KeptUrl, UrlKeeper } from "@tidegate/client";
import { ImageOff } from "lucide-react";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { t } from "../i18n/i18n.ts";
import { Blurhash } from "./Blurhash.tsx";
import { Button } from "./Button.tsx";
import "./picture.css";

/** Watches what a keeper knows of an id, and keeps it fresh as long as the component is there. */
export function useKept<Value>(keeper: UrlKeeper<Value>, id: string): KeptUrl<Value> {
  const watch = useCallback((listener: () => void) => keeper.watch(id, listener), [keeper, id]);
  return useSyncExternalStore(watch, () => keeper.get(id));
}

export interface PictureSource {
  src: string | undefined;
  srcSet?: string;
}

interface PictureProps<Value> {
  keeper: UrlKeeper<Value>;
  id: string;
  alt: string;
  /** Chooses the URLs from what the keeper has. */
  source: (value: Value) => PictureSource;
  sizes?: string;
  blurhash?: string | null | undefined;
  /** Shows the whole picture instead of filling the place. */
  contain?: boolean;
  /** Called when no URL of it loads. */
  onBroken?: () => void;
}

export function Picture<Value>(props: PictureProps<Value>) {
  const { keeper, id, alt, source, sizes, blurhash, contain, onBroken } = props;
  const { status, value, attempt } = useKept(keeper, id);
  const [shown, setShown] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once, whatever function is told
  useEffect(() => {
    if (status === "broken") onBroken?.();
  }, [status]);
  const urls = value === undefined ? undefined : source(value);
  const broken = status === "broken" || status === "gone" || (urls !== undefined && !urls.src);
  return (
    <div className={`picture ${contain ? "contain" : ""} ${shown ? "shown" : ""}`}>
      {blurhash && !broken && <Blurhash hash={blurhash} />}
      {broken && (
        <div className="picture-broken">
          <ImageOff size={22} aria-hidden />
          <span>{t("picture.broken")}</span>
          {status === "broken" && contain && (
            <Button onPress={() => keeper.retry(id)}>{t("common.tryAgain")}</Button>
          )}
        </div>
      )}
      {!broken && value !== undefined && urls && (
        <img
          key={attempt}
          src={urls.src}
          srcSet={urls.srcSet || undefined}
          sizes={sizes}
          alt={alt}
          decoding="async"
          draggable={false}
          referrerPolicy="no-referrer"
          onLoad={() => {
            keeper.loaded(id);
            setShown(true);
          }}
          onError={() => keeper.failed(id, value)}
        />
      )}
    </div>
  );
}
