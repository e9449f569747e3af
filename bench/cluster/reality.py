"""Predictions beside real runs on this machine: python3 bench/cluster/reality.py PARE TRAINER [--quick] [--only WORD] [--save FILE]

For each setting, one after the other: pare cluster profile measures its events on two ranks; pare cluster predict says from
that profile alone what a batch will take; then the trainer of tests/cluster/trainer really trains it, two ranks as processes
with a core each. The last settings are of 8 and 16 ranks, whose computation sleeps its profiled time while Gloo's traffic
and the dependencies are real. Printed: batch time predicted and measured, the error, the run's own spread (between the
quartiles of its iterations, as part of the median), and each rank's busy time. --quick: a few iterations, to see it work.
Figures mean something only while nothing else runs on the machine.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

GPT = {"model_type": "gpt2", "n_embd": 512, "n_layer": 4, "n_head": 8, "vocab_size": 2048, "n_positions": 128,
       "tie_word_embeddings": False}
MLP = {"model_type": "mlp", "hidden_size": 1024, "num_hidden_layers": 8, "vocab_size": 1024}
# a layer a stage, wide enough that 8 pairs of ranks on two cores talk little beside what they sleep
WIDE = {**GPT, "n_embd": 1024, "n_head": 16}
SCHEDULES = ("gpipe", "1f1b", "zb-h1")

# name, network, (data, tensor, pipeline), micro-batch, batch, schedule, computation sleeps
SETTINGS = [("GPT", GPT, (2, 1, 1), 4, 16, "1f1b", False), ("GPT", GPT, (1, 2, 1), 8, 16, "1f1b", False)]
SETTINGS += [("GPT", GPT, (1, 1, 2), 4, 4 * m, schedule, False) for m in (4, 8) for schedule in SCHEDULES]
SETTINGS += [("MLP", MLP, (2, 1, 1), 512, 2048, "1f1b", False)]
SETTINGS += [("MLP", MLP, (1, 1, 2), 512, 512 * m, schedule, False) for m in (4, 8) for schedule in SCHEDULES]
SETTINGS += [("GPT", WIDE, (2, 2, 2), 2, 64, "1f1b", True), ("GPT", WIDE, (2, 2, 4), 2, 64, "zb-h1", True),
             ("GPT", WIDE, (4, 2, 2), 2, 128, "gpipe", True)]

# only what the profile does not have: nothing of it enters these predictions
CLUSTER = """[device]
name = "one core"
matrix_tflops = 0.1
matrix_fp32_tflops = 0.1
memory_gib = 64
memory_gb_s = 10
[nodes]
name = "this machine"
count = 1
devices = {devices}
[inside]
latency_us = 100
bandwidth_gb_s = 1
"""
# as the trainer does it
HOW = ["--precision", "fp32", "--no-dropout", "--no-overlap", "--tensor-overlap", "none", "--no-scatter-gather"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip() or f"{command[0]} failed")
    return done.stdout


def spread(values):
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values)


def measure(setting, folder, options):
    _, network, (data, tensor, pipeline), micro_batch, batch, schedule, sleeps = setting
    config, cluster, profile, out = (folder / name for name in ("config.json", "cluster.toml", "profile.json", "run.json"))
    profile.unlink(missing_ok=True)
    config.write_text(json.dumps(network))
    cluster.write_text(CLUSTER.format(devices=data * tensor * pipeline))
    strategy = [config, "--data-parallel", data, "--tensor-parallel", tensor, "--pipeline-parallel", pipeline,
                "--micro-batch", micro_batch, "--batch", batch, "--schedule", schedule]
    run(options.pare, "cluster", "profile", *strategy, "--cluster", cluster, *HOW, "--profile", profile,
        "--rounds", 5 if options.quick else 25, "-q")
    told = json.loads(run(options.pare, "cluster", "predict", *strategy, "--cluster", cluster, *HOW, "--profile", profile,
                          "--json"))["candidates"][0]
    iterations, warm_up = (3, 1) if options.quick else (8, 1) if sleeps else (21, 2)
    run(options.trainer, *strategy, "--iterations", iterations, "--warm-up", warm_up, "-o", out,
        *(["--sleep", profile] if sleeps else []))
    return told, json.loads(out.read_text()), json.loads(profile.read_text())


def compare(setting, told, done):
    """Predicted and measured batch time, spread, and each rank's error of busy time."""
    predicted, measured = told["costs"]["batch_time_s"]["value"], statistics.median(done["batch_s"])
    busy = []
    for rank in done["ranks"]:
        own = statistics.median(rank["busy_s"])
        busy.append(told["details"]["devices"][rank["stage"]]["busy_s"] / own - 1)
    return predicted, measured, spread(done["batch_s"]), busy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pare", type=pathlib.Path)
    parser.add_argument("trainer", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="settings whose label holds this")
    parser.add_argument("--save", type=pathlib.Path, help="a JSON file of all that was predicted and measured")
    options = parser.parse_args()

    rows, kept = [], []
    print("| setting | predicted s | measured s | error % | spread % | busy time, errors % |")
    print("| --- | ---: | ---: | ---: | ---: | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for setting in SETTINGS:
            name, _, (data, tensor, pipeline), micro_batch, batch, schedule, sleeps = setting
            label = f"{name} d{data} t{tensor} p{pipeline}"
            label += f" {schedule}" if pipeline > 1 else ""
            label += f" {batch // data // micro_batch} micro-batches" + (", sleeping" if sleeps else "")
            if options.only not in label:
                continue
            told, done, profile = measure(setting, pathlib.Path(folder), options)
            predicted, measured, own, busy = compare(setting, told, done)
            rows.append((sleeps, abs(predicted / measured - 1), [abs(b) for b in busy]))
            kept.append({"setting": label, "predicted": told, "measured": done, "profile": profile})
            shown = sorted(busy, key=abs)
            shown = " ".join(f"{100 * b:+.1f}" for b in busy) if len(busy) <= 2 else \
                f"median {100 * statistics.median(map(abs, busy)):.1f}, worst {100 * shown[-1]:+.1f}"
            print(f"| {label} | {predicted:.3f} | {measured:.3f} | {100 * (predicted / measured - 1):+.1f} | "
                  f"{100 * own:.1f} | {shown} |", flush=True)
            if options.save:
                options.save.write_text(json.dumps(kept))
    for sleeps, what in ((False, "computing"), (True, "sleeping")):
        some = [row for row in rows if row[0] == sleeps]
        if some:
            print(f"{what}, {len(some)} settings: median error of batch time {100 * statistics.median(r[1] for r in some):.1f} %, "
                  f"of a rank's busy time {100 * statistics.median(b for r in some for b in r[2]):.1f} %")


if __name__ == "__main__":
    main()
