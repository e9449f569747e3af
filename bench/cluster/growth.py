"""How the time and the memory of `pare cluster predict` and `plan` grow: python3 bench/cluster/growth.py PARE

GPT-3 175 B on DGX A100, tensor width 8, 1F1B, micro-batches of one sample, one thread; one thing grows at a time. Seconds
of the whole command, the least of five runs, without and with the trace; peak memory of the process with the trace.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from description import set_key

PARE = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
DGX = (pathlib.Path(__file__).parents[2] / "clusters" / "dgx-a100-80gb.toml").read_text()
HEADER = "devices | data | pipeline | micro-batches | layers | seconds | with the trace | MiB"


def run(command):
    """The least seconds and the most MiB of five runs."""
    best, memory = float("inf"), 0
    for _ in range(5):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"failed: {' '.join(command)}")
        best, memory = min(best, time.perf_counter() - start), max(memory, usage.ru_maxrss / 1024)
    return best, memory


def write_inputs(folder, devices, layers):
    network = {"model_type": "gpt2", "n_embd": 12288, "n_layer": layers, "n_head": 96, "vocab_size": 51200,
               "n_positions": 2048}
    (folder / "config.json").write_text(json.dumps(network))
    (folder / "cluster.toml").write_text(set_key(DGX, "nodes.count", devices // 8))
    return [str(folder / "config.json"), "--cluster", str(folder / "cluster.toml"), "--threads", "1"]


def row(folder, data, pipeline, micro_batches, layers):
    devices = 8 * data * pipeline
    command = [PARE, "cluster", "predict", *write_inputs(folder, devices, layers), "--data-parallel", str(data),
               "--tensor-parallel", "8", "--pipeline-parallel", str(pipeline), "--batch", str(data * micro_batches), "--quiet"]
    seconds, _ = run(command)
    traced, memory = run([*command, "-o", str(folder / "out")])
    print(f"| {devices} | {data} | {pipeline} | {micro_batches} | {layers} | {seconds:.3f} | {traced:.3f} | {memory:.0f} |",
          flush=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"| {HEADER} |\n|{' --- |' * len(HEADER.split('|'))}")
        for data in (1, 8, 128, 1024):
            row(folder, data, 16, 192, 96)
        for pipeline in (4, 48, 96):
            row(folder, 8, pipeline, 192, 96)
        for micro_batches in (1536, 12288):
            row(folder, 8, 16, micro_batches, 96)
        for layers in (960, 9600):
            row(folder, 8, 16, 192, layers)
        print("\n| devices | batch | seconds to plan on one thread | MiB |\n| --- | --- | --- | --- |")
        for devices, batch in ((512, 1536), (4096, 3072), (16384, 6144)):
            command = [PARE, "cluster", "plan", *write_inputs(folder, devices, 96), "--batch", str(batch), "--quiet"]
            seconds, memory = run(command)
            print(f"| {devices} | {batch} | {seconds:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
