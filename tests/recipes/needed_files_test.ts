/** Recipes that read files of the user's: where these are, and what is said without them. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { isOfOwnData } from "../../tools/own_data/own_options.ts";
import {
  findFiles,
  MissingFiles,
  type NeededFiles,
} from "../../tools/recipes/needed_files.ts";
import {
  paperRecipe,
  partOfBatch,
} from "../../tools/recipes/paper/paper_recipe.ts";
import { opened, planned } from "../../tools/recipes/plan.ts";
import { BY_ACCURACY } from "../../tools/recipes/recipe.ts";
import { RECIPE_NAMES } from "../../tools/recipes/train_options.ts";
import { startHub } from "../hub/hub_server.ts";
import { withVariables } from "../hub/modules.ts";
import { namesIn, withFolder } from "../io/files.ts";

const FILES: NeededFiles = {
  lookedFor: ["letters.txt", "or letters.txt.gz"],
  commands: ["wget https://example.org/letters.txt"],
  writeFew: (folder) => Deno.writeTextFile(`${folder}/letters.txt`, "abc"),
};

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("findFiles() takes the user's folder, and leaves it", () =>
  withFolder(async (folder) => {
    {
      const choice = { data: folder, hub: false, few: "short" } as const;
      await using found = await findFiles("letters", FILES, choice);
      assertEquals(found.folders, { data: folder, tokenizer: folder });
    }
    assertEquals(await namesIn(folder), []);
  }));

Deno.test("findFiles() writes a few examples, and removes them", async () => {
  let place: string;
  {
    const choice = { hub: false, few: "short" } as const;
    await using found = await findFiles("letters", FILES, choice);
    place = found.folders.data;
    assertEquals(await namesIn(place), ["letters.txt"]);
  }
  assertEquals(await exists(place), false);
});

Deno.test("findFiles() leaves nothing of examples that cannot be written", async () => {
  let place = "";
  const files: NeededFiles = {
    ...FILES,
    async writeFew(folder) {
      place = folder;
      await FILES.writeFew(folder);
      throw new Error("no room");
    },
  };
  await assertRejects(
    () => findFiles("letters", files, { hub: false, few: "short" }),
    Error,
    "no room",
  );
  assert(place !== "");
  assertEquals(await exists(place), false);
});

Deno.test("findFiles() says what is looked for, and how to get it", async () => {
  const cases = [
    [{ hub: false }, "letters reads your files, and got no --data"],
    [
      { hub: false, data: "/nowhere" },
      "--data should be a folder, got /nowhere",
    ],
    [{ hub: true }, "the hub does not have what letters reads"],
  ] as const;
  for (const [choice, wrong] of cases) {
    const { message } = await assertRejects(
      () => findFiles("letters", FILES, choice),
      MissingFiles,
      wrong,
    );
    for (const line of [...FILES.lookedFor, ...FILES.commands]) {
      assertStringIncludes(message, `\n  ${line}\n`);
    }
    assertStringIncludes(message, "deno task train letters --data FOLDER");
    assertEquals(message.includes("--hub\n"), false);
  }
});

/** Runs where the hub is another, which keeps files in a folder. */
async function withHub(run: (folder: string) => Promise<void>): Promise<void> {
  const hub = startHub({
    "letters.txt": "abc",
    "other.txt": "",
    "a.json": "{}",
  });
  try {
    await withFolder((folder) =>
      withVariables(
        { HF_ENDPOINT: hub.url, HF_HUB_CACHE: folder },
        () => run(folder),
      )
    );
  } finally {
    await hub.stop();
  }
}

Deno.test("findFiles() downloads what a recipe names from the hub", () =>
  withHub(async (folder) => {
    const model = { repo: "org/tiny", type: "model" } as const;
    const files: NeededFiles = {
      ...FILES,
      hub: {
        data: { ...model, include: ["letters.txt"] },
        tokenizer: { ...model, include: ["*.json"] },
      },
    };
    const choice = { hub: true, few: "short" } as const;
    await using found = await findFiles("letters", files, choice);
    const { data, tokenizer } = found.folders;
    assert(data.startsWith(folder), data);
    assertEquals(await Deno.readTextFile(`${data}/letters.txt`), "abc");
    assertEquals(await exists(`${data}/other.txt`), false);
    assertEquals(await Deno.readTextFile(`${tokenizer}/a.json`), "{}");
  }));

Deno.test("findFiles() says what the hub says, and how else to get files", () =>
  withHub(async () => {
    const hub = {
      data: { repo: "org/gated", type: "model", include: ["*"] },
    } as const;
    const { message } = await assertRejects(
      () => findFiles("letters", { ...FILES, hub }, { hub: true }),
      MissingFiles,
      "is gated: accept its conditions",
    );
    assertStringIncludes(message, FILES.commands[0]!);
    assertStringIncludes(message, "deno task train letters --hub\n");
  }));

Deno.test("files that a recipe cannot read are told with what it looks for", async () => {
  const recipe = paperRecipe({
    ...{ title: "Letters", about: "", contenders: [], reference: "" },
    ...{ measure: BY_ACCURACY, files: FILES, plan: { steps: 9, rate: 0.1 } },
    open: () => Promise.reject(new Error("letters.txt ends in a digit")),
  });
  const { plan, setting } = planned("letters", recipe, "paper");
  assertEquals([plan.rates, plan.seeds, setting], [[0.1], 1, "paper"]);
  assertThrows(() => recipe.open("paper"), RangeError, "folders of");
  const folders = { data: ".", tokenizer: "." };
  const { message } = await assertRejects(
    () => opened({ ...planned("letters", recipe, "paper"), folders }),
    MissingFiles,
  );
  assert(message.startsWith("letters.txt ends in a digit\n"), message);
  assertStringIncludes(message, FILES.commands[0]!);
});

Deno.test("partOfBatch() divides a batch, or names the option", () => {
  assertEquals(partOfBatch(1024, 4), 256);
  assertThrows(
    () => partOfBatch(10, 4),
    RangeError,
    "--accumulate should divide the batch size, 10, got 4",
  );
});

Deno.test("--data is of own data, unless a recipe is named", () => {
  const isOwn = (line: string) => isOfOwnData(line.split(" "), RECIPE_NAMES);
  for (
    const line of [
      "--data cats",
      "--data=cats --epochs 3",
      "--data imagenet",
      "--epochs 3 --data imagenet --backend wasm",
      "--data --help",
      // A mistake of who has own data, as these are not recipes.
      "--data cats --epoch 3",
      "--data cats imagnet",
      "--data",
    ]
  ) assert(isOwn(line), line);
  for (
    const line of [
      "imagenet --data cats",
      "--data cats imagenet",
      "--smoke imagenet --data cats",
      "--plan --data cats --only softmax imagenet",
      "imagnet --data cats",
      "imagenet --smoke",
      "mnist-vit",
      "",
    ]
  ) assertEquals(isOwn(line), false, line);
});
