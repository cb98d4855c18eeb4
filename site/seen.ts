/// <reference lib="dom" />
/** The picture that the classifier reads, and the decays of its patches. @module */
import { PATCH, PATCHES, SIDE } from "./sizes.ts";

/** Pixels of the canvas for one of the picture. */
const SCALE = 10;

/**
 * Draws a picture as the model sees it, 28 × 28 pixels in 7 × 7 patches, or
 * nothing: the less a patch lets pass, the bluer it is.
 *
 * @param decays How much each patch lets pass, 0 to 1; none are drawn without.
 */
export function drawSeen(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array | undefined,
  decays: readonly number[] | undefined,
): void {
  canvas.width = canvas.height = SIDE * SCALE;
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name);
  context.fillStyle = colour("--ink");
  pixels?.forEach((ink, at) => {
    const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
    context.globalAlpha = ink / 255;
    context.fillRect(SCALE * x, SCALE * y, SCALE, SCALE);
  });
  const side = SCALE * PATCH;
  context.fillStyle = colour("--backward");
  context.strokeStyle = colour("--faint");
  for (let at = 0; at < PATCHES ** 2; at++) {
    const [x, y] = [side * (at % PATCHES), side * Math.floor(at / PATCHES)];
    context.globalAlpha = decays ? 0.85 * (1 - decays[at]!) : 0;
    context.fillRect(x, y, side, side);
    context.globalAlpha = 0.4;
    context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
  }
}
