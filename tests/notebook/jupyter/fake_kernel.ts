/**
 * Has this process believe that it is a notebook. To be imported before
 * `lib/notebook`; each test file is a process of its own in this respect.
 *
 * @module
 */

/** What was sent to the notebook's page. */
export interface Output {
  readonly isUpdate: boolean;
  readonly id: string;
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
}

const outputs: Output[] = [];
const ids = new Set<string>();

Object.assign(Deno, {
  jupyter: {
    async broadcast(
      type: string,
      { data, metadata, transient }: {
        data: Record<string, unknown>;
        metadata: Record<string, unknown>;
        transient: { display_id: string };
      },
    ) {
      // A slow page: what is sent out of order would be seen here.
      await new Promise((resolve) => setTimeout(resolve, 3 * Math.random()));
      // The kernel refuses typed arrays, and JSON has no NaN.
      const sent = JSON.parse(JSON.stringify(data));
      const isUpdate = type === "update_display_data";
      const id = transient.display_id;
      // A page knows nothing of what it has not displayed.
      if (isUpdate && !ids.has(id)) return;
      ids.add(id);
      outputs.push({ isUpdate, id, data: sent, metadata });
    },
  },
});

/** What was sent since the last call. */
export function sent(): Output[] {
  return outputs.splice(0);
}
