import type { ImageDataset } from "./image_dataset.ts";

/**
 * The images of a part, which may lack some classes, with labels that are places among
 * all classes.
 *
 * @param images The part, with classes of its own.
 * @param classes All classes, in their order.
 * @param part The part's name, for messages.
 * @throws {RangeError} If the part has a class that is not among them.
 */
export function inClasses(
  images: ImageDataset,
  classes: readonly string[],
  part: string,
): ImageDataset {
  const places = images.classes.map((name) => classes.indexOf(name));
  const other = places.indexOf(-1);
  if (other >= 0) {
    throw new RangeError(
      `${part} should have classes that are trained on, ${
        classes.join(", ")
      }, got ${images.classes[other]}`,
    );
  }
  const { size, get } = images;
  return {
    ...{ classes, size },
    labels: images.labels.map((label) => places[label]!),
    async get(index) {
      const image = await get(index);
      return { ...image, label: places[image.label]! };
    },
  };
}
