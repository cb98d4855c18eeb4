#!/bin/sh
# Runs the report on this machine, which needs nothing but its drivers:
#   ./run.sh [options of deno task report]
# It writes out/report.html and out/report.json beside this file.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
export DENO_DIR="$here/cache" DENO_NO_UPDATE_CHECK=1
if [ "$(uname)" = Linux ]; then
  # Without a Vulkan driver, wgpu would take OpenGL, in silence.
  export DENO_WEBGPU_BACKEND="${DENO_WEBGPU_BACKEND:-vulkan}"
  # The machine's own loader of Vulkan goes first.
  if [ -d lib ] && ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1; then
    export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  fi
  # Containers have NVIDIA's driver where the loader does not look for it.
  nvidia=/usr/local/nvidia
  if [ -z "${VK_DRIVER_FILES:-}" ] && [ -d "$nvidia" ]; then
    for file in "$nvidia"/share/vulkan/icd.d/nvidia_icd*.json; do
      if [ -f "$file" ]; then export VK_DRIVER_FILES="$file"; fi
    done
    for folder in "$nvidia/lib64" "$nvidia/lib"; do
      if [ -d "$folder" ]; then
        export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
      fi
    done
  fi
fi
exec ./deno run -A --cached-only tools/fast.ts \
  run -A --cached-only bench/main.ts --page "$@"
