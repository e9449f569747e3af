"""Formats and scales for all weights of ResNet-50 (25.5 M): pare against the same search written with torch operations.

Run: .deps/peers/bin/python bench/quantize/weight_search.py build/release/bin/weight_search
The search is ANT's: int, flint and pot at 4 bits by output channel, clipping at 75 to 149 % of the largest magnitude.
"""

import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torchvision

BITS = 4
GRIDS = {
    "int4": [0, 1, 2, 3, 4, 5, 6, 7],
    "flint4": [0, 1, 2, 3, 4, 6, 8, 16],
    "pot4": [0, 1, 2, 4, 8, 16, 32, 64],
}


def search(weight):
    """Least squared error over the window, channel by channel; the format of least sum."""
    flat = weight.reshape(weight.shape[0], -1)
    peak = flat.abs().amax(1, keepdim=True)
    best = None
    for name, positive in GRIDS.items():
        grid = torch.tensor(sorted({-v for v in positive} | set(positive)), dtype=torch.float32)
        middles = (grid[1:] + grid[:-1]) / 2
        least = torch.full((flat.shape[0],), float("inf"))
        for i in range(75, 150):
            scale = peak * (i / 100) / grid[-1]
            rounded = grid[torch.bucketize(flat / scale, middles)] * scale
            least = torch.minimum(least, ((flat - rounded) ** 2).sum(1))
        error = least.double().sum().item()
        if best is None or error < best[1]:
            best = (name, error)
    return best


torch.manual_seed(0)
weights = {
    name: value.detach()
    for name, value in torchvision.models.resnet50(weights=None).named_parameters()
    if value.dim() > 1
}
print(f"{sum(w.numel() for w in weights.values()) / 1e6:.1f} M weights, {torch.get_num_threads()} threads")
with tempfile.TemporaryDirectory() as folder:
    np.savez(f"{folder}/weights.npz", **{name: w.numpy() for name, w in weights.items()})
    ours = []
    for _ in range(3):
        lines = subprocess.run([sys.argv[1], f"{folder}/weights.npz", str(BITS)], capture_output=True, text=True, check=True)
        lines = lines.stdout.splitlines()
        ours.append(float(lines[-1].split()[0]))
chosen = {line.split()[0]: (line.split()[1], float(line.split()[2])) for line in lines[:-1]}
start = time.perf_counter()
theirs = {name: search(w) for name, w in weights.items()}
seconds = time.perf_counter() - start
same = sum(chosen[name][0] == theirs[name][0] for name in weights)
worst = max(abs(chosen[name][1] / theirs[name][1] - 1) for name in weights)
print(f"pare {min(ours):.2f} s, torch operations {seconds:.1f} s: {seconds / min(ours):.0f} times")
print(f"the same format for {same} of {len(weights)} tensors; errors differ by at most {worst:.1e} of themselves")
