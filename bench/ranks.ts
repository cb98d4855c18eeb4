/**
 * Compares training by ranks that share a batch with training by one:
 * `deno task fast run -A bench/ranks.ts`, on a machine whose cores are idle, with
 * MPICH or Open MPI. Each rank has one thread. What a message costs beside it
 * tells what to expect of more ranks, as `notebooks/13_scale.ipynb` does with the
 * figures that `--json` writes.
 *
 * Losses and sums are checked before the first time is taken; trainings take
 * turns. Ends with 1 if two ranks are not faster by the goal.
 *
 * @module
 */
import { oneOf, readCommandLine } from "../tools/command_line.ts";
import { type Implementation, installed } from "../tools/mpirun.ts";
import { writeOutput } from "../tools/out_folder.ts";
import { Bounds } from "./bounds.ts";
import { lineThrough } from "./line.ts";
import {
  BASELINE,
  measureRanks,
  type RankBudget,
  type RankFigures,
  SHORT,
  WHOLE,
} from "./rank_figures.ts";
import { OPERATIONS } from "./rank_problem.ts";

const implementations = await installed();

const USAGE = `Usage: deno task fast run -A bench/ranks.ts [options]

  --mpi NAME       of those that are installed: ${
  implementations.map(({ name }) => name).join(", ") || "there is none"
}
                   (default: the first)
  --short          half a minute, for a look
  --json FILE      also write the figures; notebook 13 reads bench/ranks.json
  --help           print this`;

/** Times the throughput of one rank that two should have. */
const GOAL = 1.7;

interface Options {
  readonly implementation: Implementation;
  readonly budget: RankBudget;
  readonly json: string | undefined;
}

const { implementation, budget, json } = await readCommandLine(USAGE, {
  mpi: { type: "string" },
  short: { type: "boolean", default: false },
  json: { type: "string" },
}, ({ mpi, short, json }): Options => {
  if (implementations.length === 0) {
    throw new RangeError(
      "there is no mpirun of Debian's mpich or openmpi-bin; `deno task setup --mpi` says how to get it",
    );
  }
  const names = implementations.map(({ name }) => name);
  const name = mpi === undefined ? names[0]! : oneOf("--mpi", mpi, names);
  return {
    implementation: implementations.find((one) => one.name === name)!,
    budget: short ? SHORT : WHOLE,
    json,
  };
});

const figures = await measureRanks(implementation, budget);
if (json !== undefined) {
  await writeOutput(json, `${JSON.stringify(figures, null, 2)}\n`);
}
tellSteps(figures);
tellExchanges(figures);
tellGoal(figures);

function tellSteps({ cpu, cores, mpi, weights, steps }: RankFigures): void {
  console.log(
    `${cpu}, ${cores} cores, ${mpi}; a model of ${weights} numbers, one thread a rank`,
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

function tellGoal({ steps }: RankFigures): void {
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
  const bounds = new Bounds();
  const ratio = two.milliseconds / one.milliseconds;
  bounds.tell("time of two beside one", ratio, 1 / GOAL);
  bounds.end();
}
