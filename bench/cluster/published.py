"""Predictions beside published training runs (PARE_ASSETS/cluster): python3 bench/cluster/published.py PARE [-v] [--as-described] [--leave-one-out] [GROUP]...

Every group of runs has a machine: a description of clusters/ with the node count and links that its source states (vTrain's
also with the 55 us that its own one-node figures say a launch takes there). Its
rows marked "fit" fit a few figures of that description, fewer than they are, by coordinate descent on the mean error of
logarithms; rows marked "predict" are only predicted, with and without the fit. Beside them: the constant predictor, the
mean FLOP/s of the fit rows. Where a source leaves micro-batch, interleave or recomputation open, the fastest choice that
fits the memory is predicted; -v prints every row and names it. --as-described: without the fits. --leave-one-out: for each
fit row a fit to the others, and its error in that: by this, in place of the predicted rows, free figures are chosen.
"""
import concurrent.futures
import csv
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import zero_bubble
from description import get_key, set_key
from folders import ASSETS, CLUSTERS, HERE

NAMES = [a for a in sys.argv[1:] if not a.startswith("-")]
if not NAMES or {"-h", "--help"} & set(sys.argv):
    sys.exit(__doc__)
PARE, *WANTED = NAMES


class Run:
    """One published run: what to ask pare for, and what was measured."""

    def __init__(self, name, use, measured, network, gpus, widths, options, choices=({},), memory_gib=None):
        self.memory_gib = memory_gib
        self.name, self.use, self.measured, self.gpus = name, use, measured, gpus
        self.network, self.widths, self.options, self.choices = network, widths, options, list(choices)


def network_config(row):
    n = {key: int(row[key]) for key in ("hidden", "layers", "heads", "sequence", "vocabulary")}
    if int(row.get("gated") or 0):
        return {"model_type": "llama", "hidden_size": n["hidden"], "num_hidden_layers": n["layers"],
                "num_attention_heads": n["heads"], "num_key_value_heads": int(row["kv_heads"]),
                "intermediate_size": int(row["ffn"]), "vocab_size": n["vocabulary"],
                "max_position_embeddings": n["sequence"]}
    return {"model_type": "gpt2", "n_embd": n["hidden"], "n_layer": n["layers"], "n_head": n["heads"],
            "vocab_size": n["vocabulary"], "n_positions": n["sequence"]}


def vtrain_runs():
    """Megatron-DeepSpeed: full recomputation, 1F1B, gradients summed after the last backward pass."""
    for row in csv.DictReader((ASSETS / "vtrain_a100.csv").open()):
        pad = 128 * int(row["tensor"])
        network = network_config(row | {"vocabulary": -(-50257 // pad) * pad})
        widths = {key: int(row[key]) for key in ("data", "tensor", "pipeline", "micro_batch", "batch")}
        yield Run(row["id"], row["use"], float(row["iteration_s"]), network, int(row["gpus"]), widths,
                  ["--recompute", "full", "--plain-attention", "--no-overlap", "--precision", "fp16", "--gradients",
                   "fp16", "--tensor-overlap", "none"])


def zero_bubble_runs():
    """Megatron pipelines without data or tensor parallelism; those that split the backward pass step apart."""
    for row in csv.DictReader((ASSETS / "zero_bubble.csv").open()):
        ranks, micro_batches = int(row["pipeline"]), int(row["micro_batches"])
        widths = {"data": 1, "tensor": 1, "pipeline": ranks, "micro_batch": int(row["micro_batch"]),
                  "batch": int(row["micro_batch"]) * micro_batches}
        options = zero_bubble.options(row) + (["--post-validation"] if row["schedule"].startswith("ZB") else [])
        yield Run(row["id"], row["use"], float(row["iteration_s"]), network_config(row | {"vocabulary": 50304}),
                  int(row["gpus"]), widths, options, memory_gib=float(row["memory_gb"]) * 1e9 / 1024**3)


def jean_zay_runs():
    """BLOOM's search for a topology (bigscience-workshop/bigscience at 9e64edec2, train/tr11-176B-ml/chronicles-prequel.md):
    Megatron-DeepSpeed under CUDA_LAUNCH_BLOCKING=1, gradients of bf16 summed in float32. From the day the nodes were mended;
    rows whose layers do not divide evenly are left out. The first day's topologies are fitted."""
    for row in csv.DictReader((HERE / "jean_zay.csv").open()):
        network = network_config(row | {"sequence": 2048, "vocabulary": 250880})
        widths = {key: int(row[key]) for key in ("data", "tensor", "pipeline", "micro_batch", "batch")}
        gradients = "fp32" if row["precision"] == "bf16" else "fp16"
        yield Run(row["id"], row["use"], float(row["iteration_s"]), network, int(row["gpus"]), widths,
                  ["--recompute", "full", "--plain-attention", "--launch-blocking", "--tensor-overlap", "none", "--zero", "1",
                   "--gather-after-step", "--precision", row["precision"], "--gradients", gradients],
                  memory_gib=float(row["memory_gib"]) if row["memory_gib"] else None)


def runs_of(*prefixes, gpu="", precision="", table=ASSETS / "runs.csv"):
    def made():
        for row in csv.DictReader(table.open()):
            if not row["id"].startswith(prefixes) or gpu not in row["gpu"] or precision not in row["precision"]:
                continue
            yield run_of(row)
    return made


def run_of(row):
    widths = {key: int(row[key]) for key in ("data", "tensor", "pipeline", "batch")}
    old = row["id"].startswith(("narayanan", "korthikanti", "megatron2020", "mt-nlg"))
    options = ["--plain-attention"] if old else ["--no-dropout"]
    if old:
        overlap = "weights" if row["id"].startswith("korthikanti") else "none"
    elif row["id"].startswith("llama3"):
        overlap = "weights"
    else:  # torchtitan's runs overlap where they say so, those of Transformer Engine always
        overlap = "none" if row["id"].startswith("titan") and "asynchronous" not in row["notes"] else "all"
    options += ["--tensor-overlap", overlap]
    if int(row["context"] or 1) > 1:
        options += ["--context-parallel", row["context"]]
    if row["precision"].startswith("fp16"):
        options += ["--precision", "fp16", "--gradients", "fp16", "--no-overlap"]
        if row["zero"] == "3":  # DeepSpeed of April 2021
            options += ["--shard-unit", "tensor"]
    elif "fp8" in row["precision"]:
        options += ["--precision", "fp8"]
        # torchao's scales and those of Megatron-Bridge's recipes on H100 (fp8cs); before, Transformer Engine had no others
        if row["id"].startswith(("titan", "bridge")):
            options += ["--fp8-scaling", "current"]
    if row["id"].startswith("titan") or row["precision"].startswith("amp_bf16"):
        # checkpoints that are not reentrant, of torch 2.1.0 and later: torchtitan's, and llm-foundry's mpt-*.yaml and
        # sweep.sh. Those of te.Linear are reentrant (its train.py), PURE rows are of torch 1.13.1
        options += ["--early-stop"]
    if row["id"].startswith("titan"):  # FSDP2's mixed precision, torch's own cross-entropy
        options += ["--weights", "fp32", "--cast-weights", "--plain-loss"]
    elif row["precision"].startswith("amp"):
        # all published in October 2023 (llm-foundry's b2a43a147) for Composer 0.16.4, which casts before it gathers
        options += ["--weights", "fp32", "--gradients", "fp32", "--cast-weights"]
    elif "PURE" in row["precision"]:
        options += ["--gradients", "bf16"]
    if row["notes"].startswith("no torch.compile"):
        options += ["--eager"]
    if row["zero"] not in ("", "0"):
        options += ["--zero", row["zero"]]
    if row["sequence_parallel"] == "1" and widths["tensor"] > 1:
        options += ["--sequence-parallel"]
    per_replica = widths["batch"] // widths["data"]
    micro = [int(row["micro_batch"])] if row["micro_batch"] else [b for b in (1, 2, 4, 8, 16) if per_replica % b == 0]
    layers, pipeline = int(row["layers"]), widths["pipeline"]
    if row["interleave"]:
        chunks = [int(row["interleave"])]
    else:
        most = layers // pipeline if pipeline > 1 else 1
        chunks = [v for v in range(1, most + 1) if layers % (v * pipeline) == 0]
    recompute = {"full": ["full"], "none": ["none"], "": ["none", "full"],
                 "selective (per operator)": ["operators"],
                 "none or selective (not published)": ["none"]}.get(row["recompute"], ["selective"])
    choices = []
    for b, v, r in itertools.product(micro, chunks, recompute):
        if v > 1 and (per_replica // b) % pipeline:  # refused by Megatron-LM at the time
            continue
        choices.append({"--micro-batch": b, "--recompute": r}
                       | ({"--schedule": "interleaved", "--chunks": v} if v > 1 else {}))
    return Run(row["id"], row["use"], float(row["iteration_s"]), network_config(row), int(row["gpus"]), widths, options,
               choices, float(row["memory_gib"]) if row["memory_gib"] else None)


# Transformer Engine's first choice on Hopper is cuDNN (its attention.ipynb, v1.8 and later): 539 of 989 TFLOP/s forward
# under a mask (Shah et al. 2024, figure 5)
TRANSFORMER_ENGINE = {"device.attention_efficiency": 0.545}
# FlashAttention 1, in Triton (llm-foundry's submit_benchmarks.py): 30 to 50 % of the peak of A100 forward, 25 to 35 %
# backward (Dao 2023, section 1); of H100's half, as FlashAttention 2
FIRST_FLASH_A100 = {"device.attention_efficiency": 0.4, "device.attention_backward": 0.75}
FIRST_FLASH_H100 = {"device.attention_efficiency": 0.2, "device.attention_backward": 0.75}
FSDP_FIGURES = [f"device.{key}" for key in ("matrix_efficiency", "half_inner", "memory_efficiency", "attention_efficiency",
                                            "host_us", "overlap_slowdown")]


class Group:
    """Runs of one kind. `free`: figures of the description to fit, on the fit rows, or those of the runs `fit_on`."""

    def __init__(self, name, runs, machine, changes, free, fit_on=None):
        self.name, self.runs, self.free = name, list(runs()), free
        self.fit_on = [run for run in (list(fit_on()) if fit_on else self.runs) if run.use == "fit"]
        text = (CLUSTERS / machine).read_text()
        for key, value in changes.items():
            text = set_key(text, key, value)
        self.text = text


GROUPS = {
    "vtrain": lambda: Group("vtrain-multi", vtrain_runs, "dgx-a100-80gb.toml", {"across.bandwidth_gb_s": 96, "device.host_us": 55},
                            ["device.matrix_efficiency", "device.half_inner", "device.memory_efficiency",
                             "device.host_us"]),
    "narayanan": lambda: Group("narayanan + korthikanti", runs_of("narayanan", "korthikanti"), "dgx-a100-80gb.toml", {},
                               ["device.matrix_efficiency", "device.memory_efficiency"]),
    "megatron2020-a100": lambda: Group("megatron2020 A100", runs_of("megatron2020", gpu="A100"), "dgx-a100-40gb.toml",
                                       {}, []),
    "megatron2020-v100": lambda: Group("megatron2020 V100", runs_of("megatron2020", gpu="V100"), "dgx2-v100-32gb.toml",
                                       {}, ["device.matrix_efficiency"]),
    "megatron-h100": lambda: Group("megatron-h100", runs_of("megatron-h100"), "dgx-h100.toml", TRANSFORMER_ENGINE,
                                   ["device.matrix_efficiency", "device.step_ms"]),
    "mpt-a100-40": lambda: Group("mpt A100 40 GB", runs_of("mpt", gpu="A100-40"), "dgx-a100-40gb.toml", FIRST_FLASH_A100,
                                 FSDP_FIGURES),
    "mpt-a100-80": lambda: Group("mpt A100 80 GB", runs_of("mpt", gpu="A100-80"), "dgx-a100-80gb.toml", FIRST_FLASH_A100,
                                 FSDP_FIGURES),
    "mpt-h100": lambda: Group("mpt H100 bf16", runs_of("mpt", gpu="H100", precision="bf16"), "dgx-h100.toml",
                              FIRST_FLASH_H100, FSDP_FIGURES),
    # the same machines and the same sweep: figures of its rows in 16 bits
    "mpt-h100-fp8": lambda: Group("mpt H100 fp8", runs_of("mpt", gpu="H100", precision="fp8"), "dgx-h100.toml",
                                  FIRST_FLASH_H100, FSDP_FIGURES, fit_on=runs_of("mpt", gpu="H100", precision="bf16")),
    "fp8": lambda: Group("nemo, bridge fp8", runs_of("nemo", "bridge"), "dgx-h100.toml", TRANSFORMER_ENGINE,
                         ["device.pass_us"]),
    "titan": lambda: Group("titan", runs_of("titan"), "h100-hbm2e.toml", {}, []),
    # 40.5 Gb/s on the bus of an all-reduce over four nodes, as the source measured it (experiments/bandwidth); vTrain's launches
    "jean-zay": lambda: Group("BLOOM on Jean Zay", jean_zay_runs, "dgx-a100-80gb.toml",
                              {"across.bandwidth_gb_s": 5.06, "device.host_us": 55}, ["across.bandwidth_gb_s"]),
    "mt-nlg": lambda: Group("MT-NLG", runs_of("mt-nlg", table=HERE / "other_runs.csv"), "dgx-a100-80gb.toml", {}, []),
    "llama3": lambda: Group("Llama 3.1 405B", runs_of("llama3", table=HERE / "other_runs.csv"), "dgx-h100.toml",
                            TRANSFORMER_ENGINE, []),
    "zero-bubble": lambda: Group("zero bubble", zero_bubble_runs, "dgx-a100-80gb.toml", {},
                                 ["device.matrix_efficiency", "device.pass_us"]),
}
LIMITS = {"device.matrix_efficiency": 1, "device.memory_efficiency": 1, "device.attention_efficiency": 1}


def ask(folder, run, text, choice):
    arguments = [PARE, "cluster", "predict", folder / "config.json", "--cluster", folder / "cluster.toml", "--json"]
    for key, value in run.widths.items():
        option = key.replace("_", "-") if key in ("batch", "micro_batch") else f"{key}-parallel"
        arguments += [f"--{option}", str(value)]
    for option, value in choice.items():
        arguments += [option, str(value)]
    done = subprocess.run([*arguments, *run.options], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{run.name}: {done.stderr.strip()}")
    found = json.loads(done.stdout)["candidates"][0]
    costs = {name: cost["value"] for name, cost in found["costs"].items()}
    return costs["batch_time_s"], costs["flop_utilisation"], found["details"]["fits"], costs["peak_bytes"] / 1024**3


def predict(run, text):
    """(seconds, model FLOPs in units of all devices' peak seconds, choice, GiB)."""
    per_node = int(get_key(text, "nodes.devices"))
    text = set_key(text, "nodes.count", max(1, run.gpus // per_node))
    if run.gpus < per_node:
        text = set_key(text, "nodes.devices", run.gpus)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "config.json").write_text(json.dumps(run.network))
        (folder / "cluster.toml").write_text(text)
        tried = [(*ask(folder, run, text, choice), choice) for choice in run.choices]
    fitting = [t for t in tried if t[2]] or tried
    time, utilisation, _, gib, choice = min(fitting, key=lambda t: t[0])
    return time, utilisation * time, choice, gib


POOL = concurrent.futures.ThreadPoolExecutor(os.cpu_count())


def predictions(runs, text):
    return list(POOL.map(lambda run: predict(run, text), runs))


def loss(runs, text):
    return statistics.mean(abs(math.log(made[0] / run.measured)) for run, made in zip(runs, predictions(runs, text)))


def fitted(group):
    """The description with its free figures fitted."""
    runs = group.fit_on
    assert len(group.free) < len(runs) or not group.free, f"{group.name}: {len(group.free)} figures, {len(runs)} rows"
    text, best, step = group.text, loss(runs, group.text) if group.free else 0, 1.6
    while step > 1.015 and group.free:
        improved = False
        for key, move in itertools.product(group.free, (step, 1 / step)):
            value = min((get_key(text, key) or 1) * move, LIMITS.get(key, math.inf))
            trial = set_key(text, key, f"{value:.6g}")
            if (now := loss(runs, trial)) < best - 1e-6:
                best, text, improved = now, trial, True
        if not improved:
            step = math.sqrt(step)
    return text


def left_out(group):
    """(fit rows, what each takes by a fit to the others)."""
    all_of, times = group.fit_on, []
    for run in all_of:
        group.fit_on = [other for other in all_of if other is not run]
        times.append(predict(run, fitted(group))[0])
    group.fit_on = all_of
    return all_of, times


def report(name, runs, times):
    errors = sorted(abs(time / run.measured - 1) for run, time in zip(runs, times))
    if errors:
        print(f"| {name} | {len(errors)} | {100 * statistics.mean(errors):.1f} | {100 * statistics.median(errors):.1f} | "
              f"{100 * errors[-1]:.1f} |", flush=True)


def main():
    verbose = "-v" in sys.argv
    for key in WANTED:
        if key not in GROUPS:
            sys.exit(f"no group is called '{key}', known are {', '.join(GROUPS)}")
    print("| runs | rows | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    details = []
    for key, make in GROUPS.items():
        if WANTED and key not in WANTED:
            continue
        group = make()
        by_use = {use: [run for run in group.runs if run.use == use] for use in ("fit", "predict")}
        made = {use: predictions(runs, group.text) for use, runs in by_use.items()}
        for use, runs in by_use.items():
            report(f"{group.name}, {use}, as described", runs, [m[0] for m in made[use]])
        if group.free and "--as-described" not in sys.argv:
            text = fitted(group)
            made = {use: predictions(runs, text) for use, runs in by_use.items()}
            for use, runs in by_use.items():
                report(f"{group.name}, {use}, {len(group.free)} figures fitted", runs, [m[0] for m in made[use]])
            details.append(f"{group.name}: " + ", ".join(f"{k} {get_key(text, k):.4g}" for k in group.free))
        if "--leave-one-out" in sys.argv and 0 < len(group.free) < len(group.fit_on) - 1:
            report(f"{group.name}, fit, each left out", *left_out(group))
        if by_use["fit"]:
            rate = statistics.mean(m[1] / run.measured for run, m in zip(by_use["fit"], made["fit"]))
            report(f"{group.name}, predict, by a constant rate", by_use["predict"], [m[1] / rate for m in made["predict"]])
        ratios = [m[3] / run.memory_gib for use, runs in by_use.items() for run, m in zip(runs, made[use]) if run.memory_gib]
        if ratios:
            details.append(f"{group.name}: peak memory predicted over measured {min(ratios):.2f} to {max(ratios):.2f}, "
                           f"median {statistics.median(ratios):.2f}, {len(ratios)} rows")
        if verbose:
            for use, runs in by_use.items():
                for run, (time, _, choice, gib) in zip(runs, made[use]):
                    open_choice = f" {choice}" if len(run.choices) > 1 else ""
                    details.append(f"{use} {run.name} {run.measured:.3f} s {time:.3f} s "
                                   f"{100 * (time / run.measured - 1):+.1f} %{open_choice}"
                                   + (f", {gib:.1f} of {run.memory_gib:.1f} GiB" if run.memory_gib else ""))
    print("\n".join(details))


if __name__ == "__main__":
    main()
