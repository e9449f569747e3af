"""Speed of pare's runtime beside eager PyTorch and onnxruntime: the same network and inputs, run in turns.

speed.py NETWORK_SPEED [--batches 1,64] [--networks resnet50,...] [--rounds N] [--threads N]

Prints the median of the rounds in milliseconds and the ratio to each peer (below 1: pare is faster); then the largest
resident memory that running adds to a loaded network, and its ratio to PyTorch's, each in a process of its own. Networks: exports of
torchvision (resnet50, mobilenet_v2), BERT-base with random weights (128 tokens), and, with PARE_ASSETS, resnet20,
resnet32, resnet56 and minilm (64 tokens).
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import onnxruntime
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import networks  # noqa: E402

warnings.simplefilter("ignore")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--batches", default="1,64")
    parser.add_argument("--networks", default=",".join(networks.NAMES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, {arguments.threads} threads")
    print("| network | batch | pare ms | / PyTorch | / onnxruntime | run MB | / PyTorch |\n"
          "| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.networks.split(","):
            network = networks.make(name, pathlib.Path(folder))
            if network is None:
                print(f"| {name} | skipped: PARE_ASSETS is not set |")
                continue
            for batch in map(int, arguments.batches.split(",")):
                compare(arguments, network, batch, folder)


def compare(arguments, network, batch, folder):
    inputs = network.inputs(batch)
    np.savez(f"{folder}/in.npz", **inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(network.path), options, providers=["CPUExecutionProvider"])
    tensors = [torch.from_numpy(x) for x in inputs.values()]
    tool = subprocess.Popen([arguments.tool, network.path, f"{folder}/in.npz", str(arguments.threads)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(line):
        tool.stdin.write(line + "\n")
        tool.stdin.flush()
        return float(tool.stdout.readline())

    def timed(f):
        start = time.perf_counter()
        f()
        return time.perf_counter() - start

    seconds = {"pare": [], "torch": [], "ort": []}
    repeat = 0
    start = time.perf_counter()
    while repeat < arguments.rounds + 2 and (repeat < 5 or time.perf_counter() - start < 60):
        # threads of the one before go on spinning for a while: each starts on a quiet machine
        time.sleep(0.1)
        ours = ask("run")
        time.sleep(0.1)
        torchs = timed(lambda: network.module(*tensors))
        time.sleep(0.1)
        orts = timed(lambda: session.run(None, inputs))
        if repeat >= 2:  # the first two warm up
            for key, value in zip(seconds, (ours, torchs, orts)):
                seconds[key].append(value)
        repeat += 1
    memory = ask("memory")
    tool.stdin.close()
    tool.wait()
    theirs = float(subprocess.run([sys.executable, __file__, "--memory", network.name, str(batch), str(arguments.threads)],
                                  capture_output=True, text=True, check=True).stdout)
    ours, torchs, orts = (statistics.median(seconds[key]) for key in seconds)
    print(f"| {network.name} | {batch} | {1e3 * ours:.2f} | {ours / torchs:.2f} | {ours / orts:.2f} | "
          f"{memory / 1e6:.0f} | {memory / theirs:.2f} |", flush=True)


def resident(field):
    """VmRSS: now; VmHWM: at most so far; bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])


def torch_memory(name, batch, threads):
    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    network = networks.make(name)
    tensors = [torch.from_numpy(x) for x in network.inputs(int(batch)).values()]
    before = resident("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        network.module(*tensors)
    print(resident("VmHWM") - before)


if __name__ == "__main__":
    torch_memory(*sys.argv[2:]) if sys.argv[1] == "--memory" else main()
