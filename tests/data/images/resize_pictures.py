"""Random pictures, and what Pillow makes of them: resized, cropped, mirrored."""

import json

import numpy
from PIL import Image, ImageOps

random = numpy.random.default_rng(2)
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}


def side(most=70):
    return int(random.integers(1, most))


def picture(image):
    return {"width": image.width, "height": image.height, "rgb": image.tobytes().hex()}


def draw(width, height):
    # Black and white beside each other overshoot in a cubic filter.
    extreme = random.random() < 0.5
    pixels = random.integers(0, 256, (height, width, 3))
    pixels = numpy.where(pixels > 127, 255, 0) if extreme else pixels
    return Image.fromarray(pixels.astype(numpy.uint8))


cases = []
for index in range(90):
    image = draw(side(), side())
    width, height = (side(), side()) if index % 5 else image.size
    box = None
    if index % 3 == 0:
        left = random.random() * image.width * 0.5
        top = random.random() * image.height * 0.5
        right = left + random.random() * (image.width - left - 0.01) + 0.01
        bottom = top + random.random() * (image.height - top - 0.01) + 0.01
        box = [left, top, right, bottom]
    name = list(FILTERS)[index % 3 if index > 30 else 0]
    resized = image.resize((width, height), FILTERS[name], box)
    cases.append({
        "step": "resize", "from": picture(image), "to": picture(resized),
        "interpolation": name, **({"box": box} if box else {}),
    })
for width, height in ((73, 48), (48, 73), (50, 51), (51, 50), (75, 77)):
    image = draw(width, height)
    left, top = int(round((width - 48) / 2.0)), int(round((height - 48) / 2.0))
    cropped = image.crop((left, top, left + 48, top + 48))
    cases.append({"step": "centreCrop", "from": picture(image), "to": picture(cropped)})
    cases.append({
        "step": "mirrored", "from": picture(image), "to": picture(ImageOps.mirror(image)),
    })
    box = [-4, 3, 60, 55]
    cases.append({
        "step": "crop", "from": picture(image), "to": picture(image.crop(box)), "box": box,
    })
print(json.dumps(cases))
