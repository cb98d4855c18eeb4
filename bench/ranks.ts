/**
 * Training by ranks that share a batch beside training by one, and what they
 * exchange, in words: `deno task bench --ranks`, with MPICH or Open MPI on a
 * machine whose cores are idle. Each rank has one thread. The figures of
 * `docs/cluster.md` are kept in `bench/ranks.json`.
 *
 * @module
 */
import { oneOf } from "../tools/command_line.ts";
import { type Implementation, installed } from "../tools/mpirun.ts";
import { lineThrough } from "./line.ts";
import { BASELINE, type RankFigures } from "./rank_figures.ts";
import { OPERATIONS } from "./rank_problem.ts";

/** Times the throughput of one rank that two should have. */
const GOAL = 1.7;

/** The implementation of MPI of a name, or the first that is installed. */
export async function implementationOf(
  name: string | undefined,
): Promise<Implementation> {
  const implementations = await installed();
  if (implementations.length === 0) {
    throw new RangeError(
      "there is no mpirun of Debian's mpich or openmpi-bin; `deno task setup --mpi` says how to get it",
    );
  }
  const names = implementations.map(({ name }) => name);
  const chosen = name === undefined ? names[0]! : oneOf("--mpi", name, names);
  return implementations.find((one) => one.name === chosen)!;
}

/** Prints what was measured; whether two ranks are as fast as they should be. */
export function tellRanks(figures: RankFigures): boolean {
  tellSteps(figures);
  tellExchanges(figures);
  return tellGoal(figures);
}

function tellSteps({ cpu, cores, mpi, weights, steps }: RankFigures): void {
  console.log(
    `${cpu}, ${cores} cores, ${mpi}; a model of ${weights} numbers, one thread per rank`,
  );
  console.log("\nmilliseconds of a training step, median");
  for (const one of steps) {
    const { name, milliseconds, p20, p80, tokens, messages } = one;
    const range = `${p20.toFixed(1)} to ${p80.toFixed(1)}`;
    const rate = (tokens / milliseconds * 1000).toFixed(0);
    const sent = messages.count === 0
      ? ""
      : `, ${messages.count} messages of ${messages.bytes} bytes in all`;
    console.log(
      `  ${name.padEnd(26)} ${
        milliseconds.toFixed(1)
      } (${range}), ${rate} tokens/s${sent}`,
    );
  }
  const alone = steps.filter(({ ranks }) => ranks === 1);
  const { constant, slope } = lineThrough(
    alone.map(({ tokens, milliseconds }) => ({
      at: tokens,
      value: milliseconds,
    })),
  );
  console.log(
    `  one rank: ${constant.toFixed(2)} ms and ${
      (1000 * slope).toFixed(2)
    } µs a token`,
  );
}

function tellExchanges({ exchanges }: RankFigures): void {
  console.log("\nan exchange, as latency and bandwidth");
  for (const ranks of new Set(exchanges.map(({ ranks }) => ranks))) {
    for (const operation of OPERATIONS) {
      const points = exchanges
        .filter((one) => one.ranks === ranks && one.operation === operation)
        .map(({ bytes, milliseconds }) => ({ at: bytes, value: milliseconds }));
      const { constant, slope } = lineThrough(points);
      console.log(
        `  ${operation.padEnd(10)} ${ranks} ranks: α ${
          (1000 * constant).toFixed(1)
        } µs, 1/β ${(1e-6 / slope).toFixed(2)} GB/s`,
      );
    }
  }
}

function tellGoal({ steps }: RankFigures): boolean {
  const [one, two] = [BASELINE, "2 ranks, data"].map((wanted) =>
    steps.find(({ name }) => name === wanted)!
  ) as [typeof steps[number], typeof steps[number]];
  const times = [
    one.milliseconds / two.milliseconds,
    one.p20 / two.p80,
    one.p80 / two.p20,
  ].map((ratio) => ratio.toFixed(2));
  console.log(
    `\ntwo ranks that share the batch, one thread each: ${
      times[0]
    } times the throughput of one (${times[1]} to ${times[2]}), goal ${GOAL}`,
  );
  return one.milliseconds / two.milliseconds >= GOAL;
}
