import type { MimeBundle, MimeMetadata } from "./mime.ts";

/** The content of a message in Jupyter's protocol. */
interface DisplayData {
  readonly data: MimeBundle;
  readonly metadata: MimeMetadata;
  readonly transient: { readonly display_id: string };
}

/** The part of `Deno.jupyter` that is used here. */
interface Kernel {
  broadcast(
    type: "display_data" | "update_display_data",
    content: DisplayData,
  ): Promise<void>;
}

/** How long to wait for outputs to arrive; those after a cell's end are lost. */
const MILLISECONDS_TO_ARRIVE = 5;

/**
 * If a front end does not take a message at once, the kernel sends the rest
 * with its next message, and loses it if the cell has ended by then. So a large
 * output is followed by empty updates, one per this many characters.
 */
const CHARACTERS_AT_ONCE = 50_000;
const NOTHING: DisplayData = {
  data: {},
  metadata: {},
  transient: { display_id: "nothing" },
};

function kernel(): Kernel | undefined {
  try {
    return (Deno as unknown as { jupyter: Kernel }).jupyter;
  } catch {
    // Outside a notebook, Deno throws on access to `Deno.jupyter`.
    return undefined;
  }
}

/** Whether the program runs in a notebook, that is, in Deno's Jupyter kernel. */
export function isNotebook(): boolean {
  return kernel() !== undefined;
}

/** Sends an output to the notebook's page, or replaces one that was sent. */
export async function send(
  id: string,
  data: MimeBundle,
  { metadata = {}, update = false }: {
    metadata?: MimeMetadata;
    update?: boolean;
  } = {},
): Promise<void> {
  const content = { data, metadata, transient: { display_id: id } };
  const type = update ? "update_display_data" : "display_data";
  await kernel()!.broadcast(type, content);
  await toArrive();
  let left = JSON.stringify(data).length;
  while ((left -= CHARACTERS_AT_ONCE) > 0) {
    await kernel()!.broadcast("update_display_data", NOTHING);
    await toArrive();
  }
}

function toArrive(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, MILLISECONDS_TO_ARRIVE));
}
