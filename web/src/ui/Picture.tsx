/**
 * A picture behind a URL that ends. If it does not load, its URL is asked for anew once; if it does
 * not load then either, words stand in its place.
 */
import { ImageOff } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { t } from "../i18n/i18n.ts";
import { Blurhash } from "./Blurhash.tsx";
import "./picture.css";

interface PictureProps {
  alt: string;
  src: string | undefined;
  srcSet?: string;
  sizes?: string;
  blurhash?: string | null | undefined;
  contain?: boolean;
  /** Asks for fresh URLs; the picture then comes with another `src`. */
  onBroken?: () => Promise<unknown>;
}

export function Picture(props: PictureProps) {
  const { alt, src, srcSet, sizes, blurhash, contain, onBroken } = props;
  const [state, setState] = useState<"loading" | "shown" | "broken">("loading");
  const asked = useRef(false);
  const source = `${src} ${srcSet ?? ""}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another source is another attempt
  useEffect(() => {
    setState((before) => (before === "broken" ? "loading" : before));
  }, [source]);
  function onError() {
    if (asked.current || !onBroken) {
      setState("broken");
      return;
    }
    asked.current = true;
    onBroken().catch(() => setState("broken"));
  }
  return (
    <div className={`picture ${contain ? "contain" : ""} ${state}`}>
      {blurhash && state !== "broken" && <Blurhash hash={blurhash} />}
      {state === "broken" || !src ? (
        <div className="picture-broken">
          <ImageOff size={22} aria-hidden />
          <span>{t("picture.broken")}</span>
        </div>
      ) : (
        <img
          key={asked.current ? source : undefined}
          src={src}
          srcSet={srcSet || undefined}
          sizes={sizes}
          alt={alt}
          decoding="async"
          draggable={false}
          referrerPolicy="no-referrer"
          onLoad={() => {
            asked.current = false;
            setState("shown");
          }}
          onError={onError}
        />
      )}
    </div>
  );
}
