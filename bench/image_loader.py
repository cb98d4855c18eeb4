"""Loads JPEGs as torchvision's training does, a pass for each line that it reads.

The first line that it writes says what it is; each other the milliseconds of a pass.
With torchvision its transforms are used, and without it Pillow and NumPy, which is
what those transforms call.
"""

import io
import json
import math
import random
import sys
import time
from pathlib import Path

import numpy
from PIL import Image, __version__

SIZE = 224
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
DEVIATION = numpy.array([0.229, 0.224, 0.225], numpy.float32)


def make(folder, count):
    """JPEGs of 500 by 375 pixels with edges, slopes and noise, of some 100 kB."""
    generator = numpy.random.default_rng(0)
    y, x = numpy.mgrid[0:375, 0:500]
    for index in range(count):
        a, b, c = generator.random(3) * 40 + 4
        waves = [numpy.sin(x / a + i) * numpy.cos(y / b - i) for i in range(3)]
        edges = 40 * ((x // int(c) + y // int(c)) % 2)[..., None]
        noise = generator.normal(0, 8, (375, 500, 3))
        pixels = 127 + 70 * numpy.stack(waves, 2) + edges + noise
        image = Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8))
        image.save(folder / f"{index}.jpg", quality=92)


def region(width, height):
    """torchvision's `RandomResizedCrop.get_params`."""
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        aspect = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return random.randint(0, width - w), random.randint(0, height - h), w, h
    return 0, 0, width, height


def with_pillow(image):
    left, top, width, height = region(*image.size)
    image = image.crop((left, top, left + width, top + height))
    image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    values = numpy.asarray(image).astype(numpy.float32)
    values /= 255
    values -= MEAN
    values /= DEVIATION
    return values


def loader():
    try:
        import torch
        import torchvision
        from torchvision import transforms
    except ImportError:
        return f"Pillow {__version__}", with_pillow
    torch.set_num_threads(1)
    return f"torchvision {torchvision.__version__}", transforms.Compose([
        transforms.RandomResizedCrop(SIZE, interpolation=Image.Resampling.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN.tolist(), DEVIATION.tolist()),
    ])


folder = Path(sys.argv[1])
make(folder, int(sys.argv[2]))
name, load = loader()
files = [path.read_bytes() for path in sorted(folder.iterdir())]
print(json.dumps({"version": name}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for file in files:
        load(Image.open(io.BytesIO(file)).convert("RGB"))
    print((time.perf_counter() - start) * 1000, flush=True)
