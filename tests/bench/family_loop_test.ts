import { assertEquals } from "@std/assert";
import { familyLoop } from "../../bench/family_loop.ts";
import { familyProblem, MODELS } from "../../bench/family_problem.ts";
import { difference } from "../../bench/measure.ts";
import { solveDelta } from "../delta_oracle.ts";
import { solveDiagonal } from "../diagonal_oracle.ts";

for (const [name, model] of Object.entries(MODELS)) {
  // More tokens than the states that are kept at once.
  Deno.test(`familyLoop() agrees with the oracle: ${name}`, () => {
    const [length, dim] = [67, 3];
    const problem = familyProblem(model, 2, length, dim);
    const { beta, logDecay } = problem;
    const sizes = { ...problem, batch: 1, headDim: dim, valueDim: dim };
    const ofChannels = model.diagonal
      ? logDecay
      : Float32Array.from({ length: logDecay.length * dim }, (_, i) =>
        logDecay[Math.floor(i / dim)]!);
    const { y, gradients } = beta
      ? solveDelta({
        ...sizes,
        beta,
        gates: { forward: logDecay },
        isDiagonal: model.diagonal,
        scale: 1,
        causal: false,
      })
      : solveDiagonal({
        ...sizes,
        kind: "arrival",
        decays: { logDecay: ofChannels },
        scale: 1,
        epsilon: 0,
        normalize: false,
        causal: false,
      });
    const decays = (gradients.logDecay ?? gradients.forward!).values;
    const perDecay = decays.length / logDecay.length;
    const expected: Record<string, ArrayLike<number>> = {
      y: y.values,
      q: gradients.q!.values,
      k: gradients.k!.values,
      v: gradients.v!.values,
      logDecay: logDecay.map((_, i) =>
        decays.slice(i * perDecay, (i + 1) * perDecay)
          .reduce((a, b) => a + b, 0)
      ),
      ...(beta ? { beta: gradients.beta!.values } : {}),
    };
    const result = familyLoop(problem);
    const wrong = Object.entries(expected).map(([name, values]) =>
      difference(name, [[result[name as keyof typeof result]!, values]], 2e-6)
    ).filter(Boolean);
    assertEquals(wrong, []);
  });
}
