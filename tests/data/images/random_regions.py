"""
torchvision's `RandomResizedCrop.get_params` and timm's `RandomErasing`, on given uniform
numbers.
"""

import json
import math

import numpy

random = numpy.random.default_rng(4)


def get_params(width, height, scale, ratio, draws):
    draw = iter(draws)

    def uniform(least, greatest):
        return least + (greatest - least) * next(draw)

    area = height * width
    log_ratio = [math.log(side) for side in ratio]
    for _ in range(10):
        target_area = area * uniform(*scale)
        aspect_ratio = math.exp(uniform(*log_ratio))
        w = int(round(math.sqrt(target_area * aspect_ratio)))
        h = int(round(math.sqrt(target_area / aspect_ratio)))
        if 0 < w <= width and 0 < h <= height:
            top = int(next(draw) * (height - h + 1))
            left = int(next(draw) * (width - w + 1))
            return left, top, w, h
    in_ratio = width / height
    if in_ratio < min(ratio):
        w = width
        h = int(round(w / min(ratio)))
    elif in_ratio > max(ratio):
        h = height
        w = int(round(h * max(ratio)))
    else:
        w, h = width, height
    return (width - w) // 2, (height - h) // 2, w, h


cases = []
for index in range(400):
    # Narrow pictures end in the part in the middle.
    width, height = (int(side) for side in random.integers(3, (500, 40)[index % 2], 2))
    scale = (0.08, 1.0) if index % 3 else (0.9, 1.0)
    ratio = (3 / 4, 4 / 3)
    draws = random.random(40).tolist()
    cases.append({
        "width": width, "height": height, "scale": scale, "ratio": ratio,
        "draws": draws, "region": get_params(width, height, scale, ratio, draws),
    })


def erase(side, probability, draws):
    draw = iter(draws)

    def uniform(least, greatest):
        return least + (greatest - least) * next(draw)

    def randint(least, greatest):
        return least + int(next(draw) * (greatest - least + 1))

    log_aspect = (math.log(0.3), math.log(1 / 0.3))
    if next(draw) > probability:
        return None
    for _ in range(10):
        target_area = uniform(0.02, 1 / 3) * side * side
        aspect_ratio = math.exp(uniform(*log_aspect))
        h = int(round(math.sqrt(target_area * aspect_ratio)))
        w = int(round(math.sqrt(target_area / aspect_ratio)))
        if w < side and h < side:
            top = randint(0, side - h)
            left = randint(0, side - w)
            return [top, left, h, w]
    return None


erased = []
for index in range(300):
    # In small squares many rectangles do not fit.
    side = int(random.integers(1, (40, 4)[index % 2]))
    draws = random.random(30).tolist()
    erased.append({"side": side, "draws": draws, "box": erase(side, 0.8, draws)})
print(json.dumps({"crops": cases, "erased": erased}))
