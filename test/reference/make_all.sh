#!/bin/sh
# Makes every fixture again: ./make_all.sh <python> [folder with t5_tokenizer/ and clip_tokenizer/]
# Run `npm ci` or `npm test` at the root before: the quantized fixtures and the graphs come from the
# TypeScript converter.
set -eu
cd "$(dirname "$0")"
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" make_pipelines.py
"$python" tiled_decode.py
"$python" hf_oracles.py
"$python" safety_checker.py
"$python" lora.py
"$python" lora_differences.py
"$python" variants.py
if [ $# -gt 1 ]; then "$python" hf_oracles.py "$2"; fi

for run in a-3x32:short b-2x64:unicode c-2x128:tall; do
  name=${run%:*}
  "$python" quantized.py "$name" --folder "$work/$name"
  for dtype in q8 q4 q4m q4k; do
    (cd ../.. && npx flux-srpo convert "$work/$name" --out "$work/$name-$dtype" --dtype "$dtype")
    "$python" quantized.py "$name" --bundle "$work/$name-$dtype" --dtype "$dtype" --case "${run#*:}"
  done
done

(cd ../.. && npx tsx test/reference/write-graphs.ts "$work/graphs")
"$python" check_graphs.py "$work/graphs"
