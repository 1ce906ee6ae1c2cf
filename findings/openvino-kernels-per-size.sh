#!/usr/bin/env bash
# OpenVINO 2026.4.1 grows with every new size of a picture, and release_memory() gives nothing of it
# back.
#
# Expected: a program with unknown height and width holds its weights, and the activations of the
# largest picture, which CompiledModel.release_memory() gives back.
# Seen: a program of ten convolutions of 32 channels took 114 MB more after 1,000 small sizes than
# after 100, and release_memory() gave 1 MB back; with CPU_RUNTIME_CACHE_CAPACITY=64 it took 38 MB.
# It keeps up to 5,000 kernels, one for each layer and size.
# Why it matters: whoever serves pictures of all sizes sees memory grow for days and looks for a leak.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cat > "$room/grow.py" <<'PYTHON'
import sys

import numpy as np
import openvino as ov
import openvino.opset15 as op

options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
if len(sys.argv) > 1:
    options["CPU_RUNTIME_CACHE_CAPACITY"] = sys.argv[1]
random = np.random.default_rng(1)


def resident() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000


picture = x = op.parameter([1, 32, -1, -1], np.float32)
for _ in range(10):
    weight = random.normal(size=(32, 32, 3, 3)).astype(np.float32) / 17
    x = op.relu(op.convolution(x, weight, [1, 1], [1, 1], [1, 1], [1, 1]))
compiled = ov.Core().compile_model(ov.Model([x], [picture], "layers"), "CPU", options)
request = compiled.create_infer_request()
request.infer([np.zeros((1, 32, 70, 70), np.float32)])  # no later one is larger
sizes = random.permutation([(h, w) for h in range(20, 70) for w in range(20, 70)])[:1000]
for number, (height, width) in enumerate(sizes, 1):
    request.infer([np.zeros((1, 32, height, width), np.float32)])
    if number == 100:
        early = resident()
late = resident()
compiled.release_memory()
print(round(late - early), round(resident() - early))
PYTHON
read -r grown released < <("$room/venv/bin/python" "$room/grow.py")
read -r bounded _ < <("$room/venv/bin/python" "$room/grow.py" 64)
echo "1,000 sizes: $grown MB more than after 100, $released after release_memory(); with 64 kernels: $bounded"
[ "$grown" -gt 60 ] && [ "$released" -gt 60 ] && [ "$bounded" -lt $((grown * 2 / 3)) ]
echo "As it was found."
