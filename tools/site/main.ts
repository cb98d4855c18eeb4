/** Builds the page on which anyone can try LION: `deno task site`. @module */
import { positiveInteger, readCommandLine } from "../command_line.ts";
import { outFolder, outPath } from "../out_folder.ts";
import { buildSite } from "./build.ts";
import { serveSite } from "./serve.ts";
import { trainDigits } from "./train.ts";

const USAGE = `Usage: deno task site [options]

Builds the page on which anyone can try LION, and the documentation with the
notebooks and the curves of the results: static files in ${
  outPath("site")
}, for any
server.

  --serve    serve it on this machine, with the headers that threads need
  --port N   the server's port (default 8000)
  --address URL   the site's URL, which ends with a slash: other sites then show
             a picture of the page
  --train    train the classifier first, in about two minutes, and write its
             weights to site/weights
  --help     print this`;

const WEIGHTS = new URL("../../site/weights/", import.meta.url);

const options = await readCommandLine(
  USAGE,
  {
    serve: { type: "boolean", default: false },
    port: { type: "string" },
    address: { type: "string" },
    train: { type: "boolean", default: false },
  },
  ({ port, address, ...others }) => {
    if (port !== undefined && !others.serve) {
      throw new RangeError("--port is of --serve");
    }
    return {
      ...others,
      port: serverPort(port ?? "8000"),
      address: address === undefined ? undefined : siteAddress(address),
    };
  },
);

if (options.train) {
  const accuracy = await trainDigits(
    new URL("digits.safetensors", WEIGHTS),
  );
  console.log(`test accuracy: ${(100 * accuracy).toFixed(2)} %`);
}
const folder = outFolder("site");
const files = await buildSite(folder, options.address);
const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
for (const { name, bytes, compressed } of files) {
  console.log(
    `${outPath("site")}/${name}: ${kilobytes(bytes)}, compressed ${
      kilobytes(compressed)
    }`,
  );
}
const sum = files.reduce((sum, { compressed }) => sum + compressed, 0);
console.log(`first load, compressed: ${kilobytes(sum)}`);
if (options.serve) {
  const { port } = options;
  const server = serveSite(folder, { port, isIsolated: true });
  console.log(`http://localhost:${port}/ (Ctrl+C ends it)`);
  await server.finished;
}

function serverPort(text: string): number {
  const port = positiveInteger("--port", text);
  if (port < 2 ** 16) return port;
  throw new RangeError(`--port should be below 65536, got ${port}`);
}

function siteAddress(value: string): string {
  if (/^https?:\/\/.*\/$/.test(value) && URL.canParse(value)) return value;
  throw new RangeError(
    `--address should be a URL like https://example.org/lion/, got ${value}`,
  );
}
