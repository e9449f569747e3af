"""All-reduces of pare beside measured ones (PARE_ASSETS/cluster): python3 bench/cluster/collectives.py PARE [-v]

Five figures of a description are fitted to 2 to 16 devices (one and two nodes) of allreduce_a100_nodes.csv, 64 KB to
4 GB, by coordinate descent on the mean error of logarithms from what NCCL's tuner has and the links' peaks; 32 devices
(four nodes) are only predicted, and whatever else the file holds. Beside them: the bare factor 2 (n-1) / n on the time of 16 devices.
"""
import csv
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile

from description import get_key, set_key
from folders import ASSETS, CLUSTERS

PARE = sys.argv[1]
DESCRIPTION = (CLUSTERS / "dgx-a100-40gb.toml").read_text()
# github.com/NVIDIA/nccl, src/graph/tuning.cc; NVLink each way; 8 ports of 200 Gb/s
START = {"nodes.call_us": 8.4, "inside.latency_us": 3.4, "inside.bandwidth_gb_s": 300, "across.latency_us": 14,
         "across.bandwidth_gb_s": 200}


def measured():
    points = {}
    for row in csv.DictReader((ASSETS / "allreduce_a100_nodes.csv").open()):
        if 2 <= int(row["gpus"]) and 65536 <= int(row["bytes"]) <= 1 << 32:
            points.setdefault(int(row["gpus"]), {})[int(row["bytes"])] = 1e-6 * float(row["out_of_place_us"])
    return points


def predicted(devices, sizes, text):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(set_key(text, "nodes.count", max(1, devices // 8)))
        file.flush()
        done = subprocess.run([PARE, "cluster", "collective", "all-reduce", "--cluster", file.name, "--devices",
                               str(devices), "--bytes", ",".join(map(str, sizes)), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [c["costs"]["time_s"]["value"] for c in json.loads(done.stdout)["candidates"]]


def errors(devices, points, text):
    return [p / m - 1 for p, m in zip(predicted(devices, list(points), text), points.values())]


def main():
    points = measured()

    def loss(text):
        return statistics.mean(abs(math.log1p(e)) for n in points if n <= 16 for e in errors(n, points[n], text))

    text = DESCRIPTION
    for key, value in START.items():
        text = set_key(text, key, value)
    best, step = loss(text), 1.5
    while step > 1.01:
        improved = False
        for key, move in itertools.product(START, (step, 1 / step)):
            trial = set_key(text, key, f"{get_key(text, key) * move:.6g}")
            if (now := loss(trial)) < best - 1e-7:
                best, text, improved = now, trial, True
        if not improved:
            step = math.sqrt(step)
    print("| devices | sizes | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    for n, own in points.items():
        made = errors(n, own, text)
        size = [abs(e) for e in made]
        used = "fitted" if n <= 16 else "predicted"
        print(f"| {n}, {used} | {len(own)} | {100 * statistics.mean(size):.1f} | {100 * statistics.median(size):.1f} | "
              f"{100 * max(size):.1f} |")
        if "-v" in sys.argv:
            print("  " + " ".join(f"{100 * e:+.0f}" for e in made))
    for n in [n for n in points if n > 16]:
        bare = [abs(points[16][b] * (2 * (n - 1) / n) / (2 * 15 / 16) / m - 1) for b, m in points[n].items() if b in points[16]]
        print(f"| {n}, bare factor | {len(bare)} | {100 * statistics.mean(bare):.1f} | {100 * statistics.median(bare):.1f} | "
              f"{100 * max(bare):.1f} |")
    print("fitted: " + ", ".join(f"{key} {get_key(text, key):.4g}" for key in START))


if __name__ == "__main__":
    main()
