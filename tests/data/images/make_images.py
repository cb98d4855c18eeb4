"""Makes image files of all kinds, and what Pillow makes of them: `.rgb` files."""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageOps

folder = Path(sys.argv[1])
random = numpy.random.default_rng(1)


def smooth(width, height, channels=3):
    """Waves and some noise: a picture in which filters and subsampling show."""
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [
        127 + 90 * numpy.sin(x / (3 + c)) * numpy.cos(y / (5 - c))
        for c in range(channels)
    ]
    noise = random.integers(-30, 31, (height, width, channels))
    return numpy.clip(numpy.stack(waves, 2) + noise, 0, 255).astype(numpy.uint8)


def png(name, width, height, depth, colour, rows, extra=b"", interlaced=0):
    """A PNG of unfiltered rows, in depths that Pillow does not write."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    (folder / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def packed(width, height, depth, channels=1):
    """Random rows of a depth, each after the byte of no filter."""
    stride = (width * depth * channels + 7) // 8
    rows = random.integers(0, 256, (height, stride), dtype=numpy.uint8)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def interlaced(width, height, depth, channels):
    """Random rows of the seven passes of Adam7."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    result = b""
    for left, top, right, down in passes:
        columns = (width - left + right - 1) // right
        rows = (height - top + down - 1) // down
        if columns > 0 and rows > 0:
            result += packed(columns, rows, depth, channels)
    return result


def save(name, pixels, mode="RGB", **options):
    Image.fromarray(pixels, mode).save(folder / name, **options)


for sampling in ("4:4:4", "4:2:2", "4:2:0"):
    for width, height in ((33, 47), (64, 40), (1, 1)):
        size = f"{width}x{height}"
        name = f"{sampling.replace(':', '')}_{size}"
        save(f"{name}.jpg", smooth(width, height), subsampling=sampling, quality=80)
        save(
            f"{name}_progressive.jpg", smooth(width, height),
            subsampling=sampling, quality=92, progressive=True,
        )
save("grey.jpg", smooth(35, 21, 1)[..., 0], "L")
save("cmyk.jpg", smooth(37, 29, 4), "CMYK")
# Adobe's marker ends with the transform: 2 says that the same data are YCCK.
cmyk = (folder / "cmyk.jpg").read_bytes()
adobe = cmyk.index(b"Adobe") + 11
(folder / "ycck.jpg").write_bytes(cmyk[:adobe] + b"\2" + cmyk[adobe + 1:])
save("rgb.jpg", smooth(37, 29), keep_rgb=True)
save("restarts.jpg", smooth(60, 50), restart_marker_rows=1)
# sRGB's profile with red and green exchanged, which no decoder could overlook.
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
profile = profile.replace(b"rXYZ", b"swap", 1).replace(b"gXYZ", b"rXYZ", 1)
profile = profile.replace(b"swap", b"gXYZ", 1)
for kind in ("jpg", "png", "webp"):
    lossless = {"lossless": True} if kind == "webp" else {}
    save(f"profile.{kind}", smooth(30, 20), icc_profile=profile, **lossless)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("jpg", "png", "webp"):
        lossless = {"lossless": True} if kind == "webp" else {}
        save(f"turned_{orientation}.{kind}", smooth(7, 5), exif=exif, **lossless)

for width, height in ((13, 9), (32, 32)):
    for depth in (1, 2, 4, 8):
        size = f"{depth}_{width}x{height}"
        png(f"grey{size}.png", width, height, depth, 0, packed(width, height, depth))
        colours = 2**depth
        palette = random.integers(0, 256, 3 * colours, dtype=numpy.uint8).tobytes()
        body = b"PLTE" + palette
        plte = struct.pack(">I", len(palette)) + body + struct.pack(">I", zlib.crc32(body))
        alpha = b"tRNS" + bytes(range(colours))
        trns = struct.pack(">I", colours) + alpha + struct.pack(">I", zlib.crc32(alpha))
        rows = packed(width, height, depth)
        png(f"palette{size}.png", width, height, depth, 3, rows, plte)
        png(f"palette_alpha{size}.png", width, height, depth, 3, rows, plte + trns)
    for depth in (8, 16):
        for colour, channels in ((2, 3), (4, 2), (6, 4)):
            name = f"colour{colour}_{depth}_{width}x{height}.png"
            rows = packed(width, height, depth, channels)
            png(name, width, height, depth, colour, rows)
            rows = interlaced(width, height, depth, channels)
            png(f"adam7_{name}", width, height, depth, colour, rows, b"", 1)
    rows = interlaced(width, height, 2, 1)
    png(f"adam7_grey2_{width}x{height}.png", width, height, 2, 0, rows, b"", 1)
gamma = b"gAMA" + struct.pack(">I", 100000)
gamma = struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma))
png("gamma.png", 13, 9, 8, 2, packed(13, 9, 8, 3), gamma)
png("grey16.png", 13, 9, 16, 0, packed(13, 9, 16))
save("filtered.png", smooth(50, 40), optimize=True)
save("filtered_alpha.png", smooth(50, 40, 4), "RGBA")
save("really_a_png.jpg", smooth(20, 20), format="PNG")

save("lossy.webp", smooth(45, 31), quality=70)
save("lossless.webp", smooth(45, 31), lossless=True)
alpha = smooth(45, 31, 4)
alpha[:10, :, 3] = 0
alpha[10:20, :, 3] = 255
save("lossy_alpha.webp", alpha, "RGBA", quality=70)
save("lossless_alpha.webp", alpha, "RGBA", lossless=True, exact=True)
for mode, channels in (("RGB", 3), ("RGBA", 4)):
    first, *others = (
        Image.fromarray(smooth(45, 31, channels), mode) for _ in range(3)
    )
    animated = {"save_all": True, "append_images": others}
    for lossless in (False, True):
        name = f"animated_{mode}_{'lossless' if lossless else 'lossy'}.webp"
        first.save(folder / name, lossless=lossless, exact=True, **animated)
    for default in (False, True):
        name = f"animated_{mode}_{'default' if default else 'first'}.png"
        first.save(folder / name, default_image=default, **animated)



def netpbm(name, header, most, channels, width=13, height=9):
    """Random pixels after a header; with values beyond white where there is room."""
    kind = ">u2" if most > 255 else "u1"
    values = random.integers(0, most + 1, (height, width, channels))
    values[0, 0] = numpy.iinfo(kind).max
    (folder / name).write_bytes(header.encode("latin1") + values.astype(kind).tobytes())


for most in (1, 100, 254, 255, 256, 1000, 65534, 65535):
    netpbm(f"colour_{most}.ppm", f"P6\n13 9\n{most}\n", most, 3)
    grey = "grey16" if most > 255 else "grey"
    netpbm(f"{grey}_{most}.pgm", f"P5 13 9 {most} ", most, 1)
netpbm("comments.ppm", "P6\r\n# by \xe4\n\n#\r 1#3 4\n3\t9#\n \v255\f", 255, 3)
netpbm("comment_after.pgm", "P5 13 9 255#\n\n", 255, 1)
(folder / "more_after.ppm").write_bytes(b"P6 1 2 255 abcdef, and more")

manifest = {}
for file in sorted(folder.iterdir()):
    image = Image.open(file)
    if file.name.startswith("grey16"):
        # Pillow cuts at 255; the high byte is what it keeps of RGB with 16 bits.
        high = (numpy.asarray(image).astype(numpy.uint16) >> 8).astype(numpy.uint8)
        image = Image.fromarray(high)
    rgb = image.convert("RGB")
    manifest[file.name] = {"size": rgb.size, "rgb": rgb.tobytes().hex()}
    if file.name.startswith("turned"):
        turned = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        manifest[file.name]["turned"] = {
            "size": turned.size, "rgb": turned.tobytes().hex(),
        }
print(json.dumps(manifest))
