import type { Tensor } from "@tensorflow/tfjs-core";
import { toJSON } from "./json.ts";
import { isNotebook, send } from "./kernel.ts";
import { DISPLAY, type Displayable, type MimeBundle } from "./mime.ts";
import { shown } from "@lionjs/base";

/** A value that can be shown: a {@linkcode Displayable}, a tensor, forms by MIME type, or text. */
export type DisplayValue = Displayable | Tensor | MimeBundle | string;

/** An output that has been shown. */
export interface DisplayHandle extends Displayable {
  /** Replaces the output in place. */
  update(value: DisplayValue): Promise<void>;
}

/**
 * Shows a value in the notebook and waits until it has arrived, whereas Deno's
 * kernel loses some values that a cell ends with. In a script, prints the
 * value's `text/plain`.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { display, markdown } from "@lionjs/lion/notebook";
 *
 * const output = await display(markdown("**0** steps"));
 * await output.update(markdown("**10** steps")); // in its place
 * await assertRejects(() => display(3 as never), TypeError, "got 3");
 * ```
 *
 * @param value The value; typed arrays and NaN inside are converted to JSON.
 * @returns A handle that can replace the output; it shows nothing itself.
 * @throws {TypeError} If the value cannot be shown.
 */
export async function display(value: DisplayValue): Promise<DisplayHandle> {
  const id = crypto.randomUUID();
  await show(id, value, false);
  return {
    update: (value) => show(id, value, true),
    [DISPLAY]: () => ({}),
  };
}

async function show(
  id: string,
  value: DisplayValue,
  update: boolean,
): Promise<void> {
  const bundle = await bundleOf(value);
  if (!isNotebook()) {
    console.log(bundle["text/plain"] ?? Object.keys(bundle).join(", "));
    return;
  }
  const { metadata = {} } = isDisplayable(value) ? value : {};
  await send(id, bundle, { metadata, update });
}

async function bundleOf(value: DisplayValue): Promise<MimeBundle> {
  if (typeof value === "string") return { "text/plain": value };
  if (typeof value !== "object" || value === null) {
    throw new TypeError(
      `value should be displayable, a MIME bundle or a string, got ${
        shown(value)
      }`,
    );
  }
  const bundle = isDisplayable(value) ? await value[DISPLAY]() : value;
  const odd = Object.keys(bundle).find((type) => !type.includes("/"));
  if (odd !== undefined) {
    throw new TypeError(
      `value should have a MIME type for each form, such as "text/plain", got "${odd}"`,
    );
  }
  return toJSON(bundle) as MimeBundle;
}

function isDisplayable(value: DisplayValue): value is Displayable {
  return typeof value === "object" && DISPLAY in value;
}
