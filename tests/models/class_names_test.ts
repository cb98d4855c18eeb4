/** The names of classes stay with a model. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as layers from "@tensorflow/tfjs-layers";
import { classNames, lionEncoder, setClassNames } from "../../mod.ts";
import "../../lib/io/mod.ts";
import { onCpu } from "../io/files.ts";

const make = () =>
  lionEncoder({
    ...{ vocabularySize: 10, dim: 8, depth: 1, numHeads: 2, variant: "s" },
    numClasses: 3,
  });

onCpu("names of classes are saved and loaded with a model", async () => {
  const folder = await Deno.makeTempDir();
  const model = make();
  model.setUserDefinedMetadata({ author: "me", classNames: ["old"] });
  const names = ["cat", "dog", "🦁"];
  setClassNames(model, names);
  names[0] = "changed";
  classNames(model)![1] = "changed";
  await model.save(`file://${folder}`);
  const loaded = await layers.loadLayersModel(`file://${folder}/model.json`);
  for (const one of [model, loaded]) {
    assertEquals(classNames(one), ["cat", "dog", "🦁"]);
    assertEquals(
      (one.getUserDefinedMetadata() as { author: string }).author,
      "me",
    );
  }
  model.dispose();
  loaded.dispose();
  await Deno.remove(folder, { recursive: true });
});

onCpu("names of classes are one for each, and differ", () => {
  const model = make();
  assertEquals(classNames(model), undefined);
  model.setUserDefinedMetadata({ classNames: [1, 2, 3] });
  assertEquals(classNames(model), undefined);
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [["a", "b"], RangeError, "one for each of the model's 3 classes, got 2"],
    [["a", "b", "a"], RangeError, 'names should differ, got "a" twice'],
    [["a", "b", 3], TypeError, "names should be strings, got number at 2"],
    ["abc", TypeError, "names should be an array or another iterable"],
  ];
  for (const [names, Kind, message] of cases) {
    assertThrows(() => setClassNames(model, names as string[]), Kind, message);
  }
  const input = layers.input({ shape: [3] });
  const two = layers.model({
    inputs: input,
    outputs: [
      input,
      layers.layers.reLU().apply(input) as layers.SymbolicTensor,
    ],
  });
  assertThrows(
    () => setClassNames(two, ["a", "b", "c"]),
    TypeError,
    "model should be a model with one output, got 2 outputs",
  );
  assertThrows(
    () => setClassNames({} as layers.LayersModel, []),
    TypeError,
    "got none",
  );
  model.dispose();
});
