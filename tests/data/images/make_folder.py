"""A folder of pictures in two classes, and what torchvision's evaluation makes of them."""

import json
import sys
from pathlib import Path

import numpy
from PIL import Image

folder = Path(sys.argv[1])
random = numpy.random.default_rng(3)
SIZE, RESIZED = 16, 18
mean = numpy.array([0.485, 0.456, 0.406], numpy.float32)
deviation = numpy.array([0.229, 0.224, 0.225], numpy.float32)
truths = []
for label, name in enumerate(("cats", "dogs")):
    (folder / name).mkdir()
    for index in range(7):
        width, height = (int(side) for side in random.integers(17, 60, 2))
        pixels = random.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
        kind = ("jpg", "png", "webp")[index % 3]
        path = folder / name / f"{index}.{kind}"
        Image.fromarray(pixels).save(path)
        image = Image.open(path).convert("RGB")
        # torchvision's Resize(18), CenterCrop(16), ToTensor() and Normalize().
        short, long = sorted((width, height))
        long = int(RESIZED * long / short)
        size = (RESIZED, long) if width <= height else (long, RESIZED)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left = int(round((size[0] - SIZE) / 2.0))
        top = int(round((size[1] - SIZE) / 2.0))
        image = image.crop((left, top, left + SIZE, top + SIZE))
        values = numpy.asarray(image).astype(numpy.float32) / numpy.float32(255)
        values = (values - mean) / deviation
        truths.append({"label": label, "values": values.tobytes().hex()})
print(json.dumps(truths))
