/** Figures of a float64 reference in PyTorch, in `tests/fixtures`. @module */
import * as tf from "@tensorflow/tfjs-core";

/** A named array of a fixture. */
export interface Fixture {
  readonly shape: number[];
  readonly values: Float32Array;
}

/** Reads the arrays of `tests/fixtures/<name>.safetensors`. */
export async function readFixtures(
  name: string,
): Promise<ReadonlyMap<string, Fixture>> {
  const { buffer } = await Deno.readFile(
    new URL(`fixtures/${name}.safetensors`, import.meta.url),
  );
  const headerBytes = Number(new DataView(buffer).getBigUint64(0, true));
  const header: Record<string, { shape: number[]; data_offsets: number[] }> =
    JSON.parse(
      new TextDecoder().decode(new Uint8Array(buffer, 8, headerBytes)),
    );
  delete header["__metadata__"];
  return new Map(
    Object.entries(header).map(([name, { shape, data_offsets }]) => {
      const [start, end] = data_offsets.map((at) => 8 + headerBytes + at);
      const values = new Float32Array(buffer.slice(start, end));
      return [name, { shape, values }];
    }),
  );
}

/** A tensor of a fixture. */
export function tensorOf<R extends tf.Rank>(fixture: Fixture): tf.Tensor<R> {
  return tf.tensor(
    fixture.values,
    fixture.shape as tf.ShapeMap[R],
  ) as tf.Tensor<R>;
}
