/** Finds what the system lacks: `deno task setup`. @module */
import { readCommandLine } from "./command_line.ts";
import {
  CHROMIUM,
  JUPYTER_LAB,
  MPI,
  REQUIREMENTS,
  setUp,
  SWIFT_SHADER,
  TORCH,
} from "./requirements.ts";

const USAGE = `Usage: deno task setup [options]

Finds what the tests need and this system lacks. As root on Debian or Ubuntu,
installs it; elsewhere, prints the command to type.

  --dawn       for the tests on Dawn
  --lab        for JupyterLab, not for the tests
  --lab-test   for the test in JupyterLab
  --mpi        for the tests of ranks
  --platforms  for the tests in browsers
  --torch      for tests and benchmarks against PyTorch
  --help       print this`;

const requirements = await readCommandLine(
  USAGE,
  {
    "dawn": { type: "boolean", default: false },
    "lab": { type: "boolean", default: false },
    "lab-test": { type: "boolean", default: false },
    "mpi": { type: "boolean", default: false },
    "platforms": { type: "boolean", default: false },
    "torch": { type: "boolean", default: false },
  },
  (values) => {
    const chosen = [
      ...values.lab || values["lab-test"] ? [JUPYTER_LAB] : [],
      ...values.platforms || values["lab-test"] ? [CHROMIUM] : [],
      ...values.dawn ? [SWIFT_SHADER] : [],
      ...values.mpi ? [MPI] : [],
      ...values.torch ? [TORCH] : [],
    ];
    return chosen.length > 0 ? chosen : REQUIREMENTS;
  },
);
if (!await setUp(requirements)) Deno.exit(1);
