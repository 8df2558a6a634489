#!/bin/sh
# Unpacks the bench beside this file, once, and starts it. Needs a shell and a Vulkan driver.
# Options are bench.ts's: --minutes 8, --budget 16e9, --small.
set -eu
here=$(cd "${0%/*}" && pwd)
if [ ! -e "$here/files/complete" ]; then
  (cd "$here" && ./busybox rm -rf files && ./busybox xz -dc files.tar.xz | ./busybox tar x && : >files/complete)
fi

# Vulkan's loader, where the system has none.
loader=
for folder in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib64 /lib64 /usr/lib /usr/local/lib; do
  if [ -e "$folder/libvulkan.so.1" ]; then loader=$folder; fi
done
if [ -z "$loader" ]; then
  export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/files/loader"
fi

# Containers often have NVIDIA's driver without the file that tells the loader of it.
found=${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}
for file in /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json; do
  if [ -e "$file" ]; then found=$file; fi
done
if [ -z "$found" ] && [ -e /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json ]; then
  found=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  export VK_DRIVER_FILES="$found"
fi
if [ -z "$found" ] && [ -e /proc/driver/nvidia/version ]; then
  # This one of the driver's two libraries needs no X11.
  echo '{"file_format_version":"1.0.0","ICD":{"library_path":"libEGL_nvidia.so.0","api_version":"1.3.0"}}' \
    >"$here/files/nvidia.json"
  export VK_DRIVER_FILES="$here/files/nvidia.json"
fi

exec "${FLUX_SRPO_NODE:-$here/files/node}" "$here/files/bench.mjs" "$@"
