/** Attention across ranks without MPI: what is refused, and one rank; `tests/mpi` has several. @module */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  acrossRanks,
  attentionAcrossRanks,
  type ContextGroup,
  deltaAcrossRanks,
  deltaAttention,
  lionAttention,
  selectiveDecay,
} from "../../mod.ts";
import { deltaNet, hgrn2, rwkv6, rwkv7 } from "../../lib/family/mod.ts";
import { onEachBackend } from "../backends.ts";

/** The only rank, which has nobody to exchange with. */
const ALONE: ContextGroup = {
  rank: 0,
  size: 1,
  exchange() {
    throw new Error("there is no other rank");
  },
};

const vectors = (): tf.Tensor4D => tf.randomUniform([1, 2, 7, 3], 0, 1);

onEachBackend("one rank has the whole sequence", async (backend) => {
  const x = vectors();
  const decay = selectiveDecay(tf.randomUniform([1, 2, 7], -1, 0));
  const beta: tf.Tensor3D = tf.randomUniform([1, 2, 7], 0, 1);
  const negative = tf.neg(x);
  const moved = {
    ...{ r: x, logDecay: negative, k: x, v: x, a: negative, b: x },
  };
  const across = () => [
    attentionAcrossRanks(x, x, x, { decay, communicator: ALONE }),
    deltaAcrossRanks(x, x, x, beta, { communicator: ALONE }),
    hgrn2({ q: x, v: x, forget: x }, { attention: acrossRanks(ALONE) }),
    deltaNet({ q: x, k: x, v: x, beta }, { attention: acrossRanks(ALONE) }),
    rwkv7(moved, { attention: acrossRanks(ALONE) }),
  ];
  if (backend === "webgpu") {
    assertThrows(
      () => tf.tidy(() => void across()),
      RangeError,
      'compute on wasm or cpu, got webgpu, whose values can only be read asynchronously, while a layer exchanges them before it returns; call useBackend({ prefer: ["wasm"] }), or let ranks share the batch',
    );
  } else {
    const expected = [
      lionAttention(x, x, x, { decay }),
      deltaAttention(x, x, x, beta),
      hgrn2({ q: x, v: x, forget: x }),
      deltaNet({ q: x, k: x, v: x, beta }),
      rwkv7(moved),
    ];
    for (const [i, y] of across().entries()) {
      const values = await expected[i]!.data();
      const actual = await y.data();
      values.forEach((value, at) =>
        assertAlmostEquals(actual[at]!, value, 1e-5)
      );
      tf.dispose([y, expected[i]!]);
    }
  }
  tf.dispose([
    x,
    beta,
    negative,
    ...("logDecay" in decay ? [decay.logDecay] : []),
  ]);
});

onEachBackend("what ranks cannot share is refused by name", (backend) => {
  const tensors = tf.memory().numTensors;
  tf.tidy(() => {
    const x = vectors();
    assertThrows(
      () => attentionAcrossRanks(x, x, x, { communicator: {} as ContextGroup }),
      TypeError,
      "communicator should have rank, size and exchange, as openMpi() of @lionjs/lion/mpi has, got object",
    );
    assertThrows(
      () => acrossRanks({ ...ALONE, rank: 1 }),
      RangeError,
      "communicator's rank should be an integer from 0 to 0, got 1",
    );
    if (backend === "webgpu") return;
    assertThrows(
      () => {
        const communicator = { ...ALONE, size: 2, exchange: () => x as never };
        attentionAcrossRanks(x, x, x, { communicator });
      },
      TypeError,
      "communicator's exchange should return a Float32Array of as many numbers as it gets, 4, got a tensor",
    );
    assertThrows(
      () =>
        attentionAcrossRanks(x, x, x, { communicator: ALONE, form: "full" }),
      RangeError,
      'form should be "auto" or "chunkwise" where ranks share the tokens, got "full"',
    );
    assertThrows(
      () =>
        attentionAcrossRanks(x, x, x, {
          communicator: ALONE,
          precision: "f16",
        }),
      RangeError,
      'precision should be "f32" where ranks share the tokens, got "f16"',
    );
    const attention = acrossRanks(ALONE);
    assertThrows(
      () =>
        rwkv6(
          { r: x, k: x, v: x, logDecay: tf.neg(x), bonus: tf.ones([2, 3]) },
          { attention } as object,
        ),
      TypeError,
      'rwkv6 has no option "attention"',
    );
    assertThrows(
      () =>
        hgrn2({ q: x, v: x, forget: x }, {
          attention: { ...attention, deltaAttention: undefined } as never,
        }),
      TypeError,
      "hgrn2's attention should have the functions lionAttention, deltaAttention and transitionAttention, as acrossRanks() gives them, got",
    );
  });
  assertEquals(tf.memory().numTensors, tensors);
});
