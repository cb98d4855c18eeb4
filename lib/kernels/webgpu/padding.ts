/** Tokens without what is none. @module */
import { runElementwise } from "./elementwise.ts";
import type { FusedKernel } from "./fused_kernel.ts";
import { makeFloats, sizeOf, widthOf } from "./program.ts";

/** x, or zeros where the mask of its token is 0; no product, which NaN would survive. */
export const withoutPadding: FusedKernel<"x" | "mask"> = (
  { backend, inputs: { x, mask } },
) => {
  const y = makeFloats(backend, x.shape);
  const [batch, length] = mask.shape as [number, number];
  const columns = x.shape.at(-1)!;
  // Of a token, and of four tokens' masks.
  const width = widthOf(columns) === 4 ? widthOf(sizeOf(mask)) : 1;
  runElementwise(backend, {
    name: "without_padding",
    width,
    reads: { x, mask },
    writes: { y },
    integers: {
      length,
      columnPacks: columns / width,
      entryPacks: sizeOf(x) / width / Math.max(1, batch),
    },
    body: /* wgsl */ `  let entry = at / uniforms.entryPacks;
  let place = at / uniforms.columnPacks % uniforms.length;
  let token = entry * uniforms.length + place;
  let kept = mask[token${width === 4 ? " / 4u][token % 4u" : ""}];
  y[at] = select(Pack(), x[at], kept != 0.0);`,
  });
  return [y];
};
