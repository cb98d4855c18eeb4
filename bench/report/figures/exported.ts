/** Exported models in ONNX Runtime, beside the library. @module */
import * as tf from "@tensorflow/tfjs-core";
import { exportOnnx } from "@lionjs/lion/onnx";
import { groupOf, once, type OpenGroup, tensorContender } from "../../group.ts";
import { difference } from "../../measure/timing.ts";
import { peerContender } from "../../peers/torch.ts";
import { sizedEncoder, tensorsOf } from "../../sized_models.ts";
import { type Asked, type Figure, measuring } from "../figure.ts";
import { OURS } from "../names.ts";

const THEIRS = "ONNX Runtime";

const SIZES = { dim: 256, depth: 4, numHeads: 4 };

/** Of the largest logit: what the export is held to. */
const TOLERANCE = 1e-5;

/** The time of a model, and of its file. */
export const exported: Figure = {
  title: "An exported model in ONNX Runtime, compared with the library",
  short: "an encoder",
  about:
    `Inference of an encoder of LION-S, here and by ONNX Runtime on the CPU, which runs
the file that \`exportOnnx\` writes for any length, with standard operators. Its logits
are compared with ours before it is timed.`,
  axis: "tokens",
  column: "tokens",
  bounds: [{
    ...{ panel: "inference", at: [1024], most: 1 },
    ...{ series: THEIRS, beside: OURS },
  }],
  seconds: { gpu: 0, wasm: 60, software: 0, cpu: 0 },
  unfit: "ONNX Runtime is on the CPU here",
  measure: measuring({
    sizes: [1024, 4096],
    quick: [64],
    passes: ["inference"],
    subjects: ({ peers }) => [OURS, ...peers.onnx.map(() => THEIRS)],
    open,
    settings: ({ threads }) => ({
      ...{ model: "LION-S", batch: 1, "threads of each": threads },
      ...{ blocks: SIZES.depth, columns: SIZES.dim, heads: SIZES.numHeads },
    }),
  }),
};

async function open(
  { size: length, peers }: Asked<number, string>,
  names: readonly string[],
): Promise<OpenGroup> {
  const sized = sizedEncoder("encoder", SIZES, length, [1]);
  const model = sized.make({ variant: "s" });
  const given = sized.inputs(1);
  const inputs = tensorsOf(model, given);
  const folder = await Deno.makeTempDir();
  const close = async () => {
    tf.dispose(inputs);
    model.dispose();
    await Deno.remove(folder, { recursive: true });
  };
  let own: Float32Array[] = [];
  const contenders = [tensorContender(
    OURS,
    () => [model.predict(inputs) as tf.Tensor],
    once((results) => {
      own = results;
      const isFinite = own.every((values) => values.every(Number.isFinite));
      return isFinite ? null : "it has an output that is not finite";
    }),
  )];
  if (names.includes(THEIRS)) {
    const file = `${folder}/model.onnx`;
    await exportOnnx(model, file);
    const { peer } = peers.onnx[0]!;
    await peer.prepare({ work: "exported", options: { file }, tensors: given });
    const check = once(([logits]) =>
      difference("logits", [[logits!, own[0]!]], TOLERANCE)
    );
    contenders.push(peerContender({ name: THEIRS, peer }, check));
  }
  return groupOf(contenders, close);
}
