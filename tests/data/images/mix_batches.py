"""Mixup and cutmix of batches as timm 0.3.2 has them, by numpy, of given λ and places."""

import json

import numpy

random = numpy.random.default_rng(6)


def one_hot(labels, classes, on, off):
    result = numpy.full((len(labels), classes), off, numpy.float32)
    result[numpy.arange(len(labels)), labels] = on
    return result


def mixup_target(labels, classes, lam, smoothing):
    off = smoothing / classes
    on = 1.0 - smoothing + off
    y1 = one_hot(labels, classes, on, off)
    y2 = one_hot(labels[::-1], classes, on, off)
    return y1 * numpy.float32(lam) + y2 * numpy.float32(1.0 - lam)


def rand_bbox(side, lam, cy, cx):
    ratio = numpy.sqrt(1 - lam)
    cut = int(side * ratio)
    yl, yh = numpy.clip([cy - cut // 2, cy + cut // 2], 0, side)
    xl, xh = numpy.clip([cx - cut // 2, cx + cut // 2], 0, side)
    return int(yl), int(yh), int(xl), int(xh)


cases = []
for index in range(60):
    size, side = 2 * int(random.integers(1, 4)), int(random.integers(1, 14))
    classes = int(random.integers(1, 6))
    x = random.standard_normal((size, side, side, 3), numpy.float32)
    labels = random.integers(0, classes, size)
    lam = float((0.0, 1.0, random.random())[min(index % 9, 2)])
    smoothing = (0.1, 0.0, 1.0)[index % 3]
    case = {
        "size": size, "side": side, "classes": classes, "smoothing": smoothing,
        "lambda": lam, "labels": labels.tolist(), "before": x.tobytes().hex(),
    }
    if index % 2:
        cy, cx = (int(place) for place in random.integers(0, side, 2))
        yl, yh, xl, xh = rand_bbox(side, lam, cy, cx)
        lam = 1.0 - (yh - yl) * (xh - xl) / float(side * side)
        x[:, yl:yh, xl:xh] = x[::-1, yl:yh, xl:xh].copy()
        case |= {"y": cy, "x": cx}
    else:
        x = x * numpy.float32(lam) + x[::-1] * numpy.float32(1.0 - lam)
    targets = mixup_target(labels, classes, lam, smoothing)
    assert x.dtype == targets.dtype == numpy.float32
    case |= {"left": lam, "after": x.tobytes().hex(), "targets": targets.tobytes().hex()}
    cases.append(case)
print(json.dumps(cases))
