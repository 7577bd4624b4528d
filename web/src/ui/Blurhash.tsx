/** The colours of a picture that is still on its way. */
import { decodeBlurHash } from "fast-blurhash";
import { useEffect, useRef } from "react";

const SIDE = 16;

export function Blurhash({ hash }: { hash: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    let pixels: Uint8ClampedArray;
    try {
      pixels = decodeBlurHash(hash, SIDE, SIDE);
    } catch {
      return; // A hash that cannot be read leaves the plain ground.
    }
    const image = context.createImageData(SIDE, SIDE);
    image.data.set(pixels);
    context.putImageData(image, 0, 0);
  }, [hash]);
  return <canvas ref={canvas} width={SIDE} height={SIDE} className="blurhash" aria-hidden />;
}
