#!/usr/bin/env bash
# PyTorch 2.13.0 sums every pixel of every window anew in avg_pool2d and max_pool2d on a CPU.
#
# Expected: a box filter of 49×49 costs a few passes over the picture, as in OpenCV, SciPy or Pillow,
# which keep running sums or filter rows and columns.
# Seen: for a picture of 288×384, avg_pool2d over 49×49 took over eight times as long as the same over
# 1×49 and then 49×1, and max_pool2d over 33×33 over three times; results are equal but for rounding.
# Why it matters: a measure that looked cheap took seconds a picture, and half of a test run.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$room/pools.py" <<'PYTHON'
import time

import torch
from torch.nn import functional as F

torch.set_num_threads(1)


def seconds(work):
    work()
    runs = []
    for _ in range(3):
        begun = time.process_time()
        work()
        runs.append(time.process_time() - begun)
    return min(runs)


picture = torch.rand(1, 1, 288, 384)


def square(pool, side):
    return pool(picture, side, stride=1, padding=side // 2)


def by_rows(pool, side):
    rows = pool(picture, (1, side), stride=1, padding=(0, side // 2))
    return pool(rows, (side, 1), stride=1, padding=(side // 2, 0))


for pool, side, least in ((F.avg_pool2d, 49, 8), (F.max_pool2d, 33, 3)):
    assert torch.allclose(square(pool, side), by_rows(pool, side), atol=1e-5)
    ratio = seconds(lambda: square(pool, side)) / seconds(lambda: by_rows(pool, side))
    print(f"{pool.__name__} over {side}×{side}: {ratio:.1f} times the seconds of rows and columns")
    assert ratio > least, "square pools have become cheaper"
PYTHON
"$room/venv/bin/python" "$room/pools.py"
