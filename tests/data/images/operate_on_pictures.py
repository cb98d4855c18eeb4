"""What timm 0.3.2's operations of RandAugment, which call Pillow, make of pictures."""

import json

import numpy
from PIL import Image, ImageEnhance, ImageOps

random = numpy.random.default_rng(5)
FILL = (124, 116, 104)
AFFINE = Image.Transform.AFFINE
RESAMPLES = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


def affine(image, matrix, resample):
    return image.transform(image.size, AFFINE, matrix, resample=resample, fillcolor=FILL)


def solarize_add(image, add):
    table = [min(255, i + add) if i < 128 else i for i in range(256)]
    return image.point(3 * table)



def signed(level, most):
    """A level of timm's: the product first, then the sign."""
    value = abs(level) * most
    return -value if level < 0 else value


# Of a level from -1 to 1; `r` is a filter.
OPERATIONS = {
    "AutoContrast": lambda image, level, r: ImageOps.autocontrast(image),
    "Equalize": lambda image, level, r: ImageOps.equalize(image),
    "Invert": lambda image, level, r: ImageOps.invert(image),
    "Rotate": lambda image, level, r: image.rotate(
        signed(level, 30.0), resample=r, fillcolor=FILL
    ),
    "PosterizeIncreasing": lambda image, level, r: ImageOps.posterize(
        image, 4 - int(abs(level) * 4)
    ),
    "SolarizeIncreasing": lambda image, level, r: ImageOps.solarize(
        image, 256 - int(abs(level) * 256)
    ),
    "SolarizeAdd": lambda image, level, r: solarize_add(image, int(abs(level) * 110)),
    "ColorIncreasing": lambda image, level, r: ImageEnhance.Color(image).enhance(
        1.0 + signed(level, 0.9)
    ),
    "ContrastIncreasing": lambda image, level, r: ImageEnhance.Contrast(image).enhance(
        1.0 + signed(level, 0.9)
    ),
    "BrightnessIncreasing": lambda image, level, r: ImageEnhance.Brightness(image).enhance(
        1.0 + signed(level, 0.9)
    ),
    "SharpnessIncreasing": lambda image, level, r: ImageEnhance.Sharpness(image).enhance(
        1.0 + signed(level, 0.9)
    ),
    "ShearX": lambda image, level, r: affine(
        image, (1, signed(level, 0.3), 0, 0, 1, 0), r
    ),
    "ShearY": lambda image, level, r: affine(
        image, (1, 0, 0, signed(level, 0.3), 1, 0), r
    ),
    "TranslateXRel": lambda image, level, r: affine(
        image, (1, 0, signed(level, 0.45) * image.size[0], 0, 1, 0), r
    ),
    "TranslateYRel": lambda image, level, r: affine(
        image, (1, 0, 0, 0, 1, signed(level, 0.45) * image.size[1]), r
    ),
}
MOVING = ("Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel")


def noise(width, height, most=256):
    pixels = random.integers(0, most, (height, width, 3), dtype=numpy.uint8)
    return Image.fromarray(pixels)


def smooth(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [90 + 70 * numpy.sin(x / (4 + c) + y / (6 - c)) for c in range(3)]
    return Image.fromarray(numpy.stack(waves, 2).astype(numpy.uint8))


def picture(image):
    return {"width": image.width, "height": image.height, "rgb": image.tobytes().hex()}


pictures = {
    "noise": noise(37, 29),
    "two values": noise(21, 33, 2).point(lambda value: 255 * value),
    "smooth": smooth(41, 23),
    "one pixel": noise(1, 1),
    "a row": noise(9, 1),
    "a column of two": noise(2, 7),
    "one colour": Image.new("RGB", (11, 8), (200, 3, 127)),
}
MAGNITUDES = (0, 3.7, -3.7, 9.3, -9.3, 10, -10)
cases = []
for of, image in pictures.items():
    for name, operate in OPERATIONS.items():
        for interpolation, resample in RESAMPLES.items():
            if interpolation == "bilinear" and name not in MOVING:
                continue
            for magnitude in MAGNITUDES:
                result = operate(image, magnitude / 10.0, resample)
                assert result.size == image.size
                cases.append({
                    "of": of, "name": name, "magnitude": magnitude,
                    "interpolation": interpolation, "rgb": result.tobytes().hex(),
                })
print(json.dumps({
    "pictures": {of: picture(image) for of, image in pictures.items()},
    "cases": cases,
}))
