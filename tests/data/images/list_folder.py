"""The images of a folder in the order of torchvision's `ImageFolder`."""

import json
import os
import sys

folder = sys.argv[1]
extensions = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
samples = []
for label, name in enumerate(classes):
    for root, _, names in sorted(os.walk(os.path.join(folder, name), followlinks=True)):
        for file in sorted(names):
            path = os.path.join(root, file)
            if file.lower().endswith(extensions) and os.path.isfile(path):
                samples.append([path, label])
print(json.dumps({"classes": classes, "samples": samples}))
