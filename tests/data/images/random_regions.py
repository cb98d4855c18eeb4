"""torchvision's `RandomResizedCrop.get_params` on given uniform numbers."""

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
print(json.dumps(cases))
