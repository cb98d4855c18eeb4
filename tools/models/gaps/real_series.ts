/** Ten real series from packages of npm and Debian: only to test on, and not kept here. @module */
import { csvRows } from "@lionjs/lion/data";
import { CannotBegin } from "@lionjs/recipes/needed_files";
import { sha256Of } from "../../../lib/base/files.ts";
import { packageFile, run } from "../infilling/manuals.ts";
import { readSource } from "../languages/sources.ts";

/** A series as it was measured; NaN where it was not. */
export interface RealSeries {
  readonly name: string;
  readonly values: Float64Array;
}

/** The package of npm that is read. */
const VEGA = {
  name: "vega-datasets",
  version: "3.2.1",
  licence: "each series' own, in its datapackage.json",
  notice: "README.md",
  about: "weather, CO₂ and the S&P 500",
  isTest: true,
};

/** Where files are in what is read. */
const STATSMODELS = "usr/lib/python3/dist-packages/statsmodels/datasets/";
const WAVELETS = "usr/lib/python3/dist-packages/pywt/data/";

/** A file that series are in, and the hash of the one that figures are of. */
interface SeriesFile {
  readonly package: "vega-datasets" | "python3-statsmodels" | "python3-pywt";
  readonly path: string;
  readonly sha256: string;
  /** Series by their names: columns, or what is made of the rows. */
  readonly series: Readonly<
    Record<
      string,
      (rows: Iterable<Readonly<Record<string, unknown>>>) => number[]
    >
  >;
}

/** Numbers of a column. */
const column = (
  name: string,
  isRead: (row: Readonly<Record<string, unknown>>) => boolean = () => true,
) =>
(rows: Iterable<Readonly<Record<string, unknown>>>) =>
  [...rows].filter(isRead).map((row) => {
    const text = String(row[name]);
    return text === "" ? NaN : Number(text);
  });

const FILES: readonly SeriesFile[] = [
  {
    package: "vega-datasets",
    path: "data/seattle-weather-hourly-normals.csv",
    sha256: "3433511ab963755ec1a573420af962e713e66691c07c068f5a247e6891912311",
    series: {
      "Seattle's hourly temperature": column("temperature"),
      "Seattle's hourly wind": column("wind"),
    },
  },
  {
    package: "vega-datasets",
    path: "data/weather.csv",
    sha256: "27219f1ca8dbd94c9b6f4b9f4f52ab2f1eb33dfdcf719cd9fc6481ed50b74549",
    series: {
      "Seattle's daily maximum": column(
        "temp_max",
        ({ location }) => location === "Seattle",
      ),
      "New York's daily wind": column(
        "wind",
        ({ location }) => location === "New York",
      ),
    },
  },
  {
    package: "vega-datasets",
    path: "data/co2-concentration.csv",
    sha256: "c1a4a970864145940a28225cae288618b156cb32f9a2a1b6606ba7124134febb",
    series: { "CO₂, monthly": column("CO2") },
  },
  {
    package: "vega-datasets",
    path: "data/sp500-2000.csv",
    sha256: "9409e9342d0657c747324e4cfabce8a8c7f663bc485b95a3378f36b0a160f8c8",
    series: { "S&P 500, daily": column("close") },
  },
  {
    package: "python3-statsmodels",
    path: `${STATSMODELS}co2/co2.csv`,
    sha256: "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
    series: { "CO₂, weekly": column("co2") },
  },
  {
    package: "python3-statsmodels",
    path: `${STATSMODELS}elnino/elnino.csv`,
    sha256: "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad",
    series: {
      "El Niño, monthly": (rows) =>
        [...rows].flatMap(({ YEAR: _, ...months }) =>
          Object.values(months).map(Number)
        ),
    },
  },
  {
    package: "python3-statsmodels",
    path: `${STATSMODELS}sunspots/sunspots.csv`,
    sha256: "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
    series: { "sunspots, yearly": column("SUNACTIVITY") },
  },
  {
    package: "python3-pywt",
    path: `${WAVELETS}ecg.npy`,
    sha256: "892f4655ee23470593c6cf1ce17f0e7f47f6cb030124a92f550e5b172ad43d39",
    series: { "electrocardiogram": () => [] },
  },
];

/**
 * Reads the series from packages that are downloaded into a folder where they are not
 * there yet.
 *
 * @throws {CannotBegin} If a package cannot be downloaded, or a file has changed.
 */
export async function readRealSeries(folder: string): Promise<RealSeries[]> {
  const roots: Record<string, string> = {
    [VEGA.name]: (await readSource(folder, VEGA)).root,
  };
  for (const name of ["python3-statsmodels", "python3-pywt"]) {
    const root = roots[name] = `${folder}/${name}/`;
    await run("dpkg", ["-x", await packageFile(folder, name), root], folder);
  }
  const found: RealSeries[] = [];
  for (const file of FILES) {
    const path = roots[file.package]! + file.path;
    const bytes = await Deno.readFile(path);
    if (sha256Of(bytes) !== file.sha256) {
      throw new CannotBegin(
        `${file.path} of ${file.package} is another than the figures are of`,
      );
    }
    for (const [name, numbersOf] of Object.entries(file.series)) {
      const numbers = file.path.endsWith(".npy")
        ? int32Numbers(bytes)
        : numbersOf(await csvRows(path));
      found.push({ name, values: Float64Array.from(numbers) });
    }
  }
  return found;
}

/** The numbers of NumPy's file of integers: they stand after a header of 10 bytes and more. */
function int32Numbers(bytes: Uint8Array<ArrayBuffer>): Int32Array {
  const header = new DataView(bytes.buffer, bytes.byteOffset).getUint16(
    8,
    true,
  );
  return new Int32Array(bytes.slice(10 + header).buffer);
}
