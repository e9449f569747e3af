"""Predictions beside published training runs (PARE_ASSETS/cluster): python3 bench/cluster/published.py PARE [-v]

The device's description is clusters/dgx-a100-80gb.toml with the machine's own count of nodes and links: once as it is, once
with four of its figures fitted to the rows marked "fit"; rows marked "predict" are only predicted. Beside pare: the
constant predictor, the mean FLOP/s of the fit rows. -v: every row.
"""
import csv
import json
import math
import os
import re
import pathlib
import statistics
import subprocess
import sys
import tempfile

PARE = sys.argv[1]
ASSETS = pathlib.Path(os.environ["PARE_ASSETS"]) / "cluster"
CLUSTERS = pathlib.Path(__file__).parents[2] / "clusters"


def predict(folder, row, cluster, *options):
    network = {"model_type": "gpt2", "n_embd": row["hidden"], "n_layer": row["layers"], "n_head": row["heads"],
               "vocab_size": row["vocabulary"], "n_positions": row["sequence"]}
    (folder / "config.json").write_text(json.dumps(network))
    (folder / "cluster.toml").write_text(cluster)
    run = subprocess.run([PARE, "cluster", "predict", folder / "config.json", "--cluster", folder / "cluster.toml",
                          "--data-parallel", str(row["data"]), "--tensor-parallel", str(row["tensor"]),
                          "--pipeline-parallel", str(row["pipeline"]), "--micro-batch", str(row["micro_batch"]),
                          "--batch", str(row["batch"]), *options, "--json"], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr.strip())
    costs = json.loads(run.stdout)["candidates"][0]["costs"]
    return costs["batch_time_s"]["value"], costs["flop_utilisation"]["value"]


def report(name, rows):
    """rows: (id, measured s, predicted s, model FLOPs a device)."""
    errors = sorted(abs(p / m - 1) for _, m, p, _ in rows)
    print(f"| {name} | {len(rows)} | {100 * statistics.mean(errors):.1f} | {100 * statistics.median(errors):.1f} | "
          f"{100 * errors[-1]:.1f} |")


def vtrain_rows():
    made = {"fit": [], "predict": []}
    for text in csv.DictReader((ASSETS / "vtrain_a100.csv").open()):
        row = {key: int(text[key]) for key in ("gpus", "batch", "micro_batch", "hidden", "heads", "layers", "sequence",
                                               "tensor", "data", "pipeline")}
        row["vocabulary"] = -(-50257 // (128 * row["tensor"])) * 128 * row["tensor"]
        made[text["use"]].append((text["id"], float(text["iteration_s"]), row))
    return made


def vtrain(folder, rows, factors):
    """Megatron-DeepSpeed: full recomputation, 1F1B, gradients summed after the last backward pass."""
    a100 = (CLUSTERS / "dgx-a100-80gb.toml").read_text().replace("bandwidth_gb_s = 190", "bandwidth_gb_s = 96")
    for key, factor in factors.items():
        a100 = re.sub(rf"^{key} = ([0-9.]+)", lambda m: f"{key} = {float(m[1]) * factor}", a100, count=1, flags=re.MULTILINE)
    made = []
    for name, measured, row in rows:
        cluster = a100.replace("count = 2", f"count = {row['gpus'] // 8}")
        time, utilisation = predict(folder, row, cluster, "--recompute", "full", "--plain-attention", "--no-overlap")
        made.append((name, measured, time, utilisation * time))
    return made


def fitted(folder, rows):
    """Factors on figures of the description that bring the rows closest, by coordinate descent on the mean |log error|."""
    factors = {"launch_us": 1.0, "matrix_efficiency": 1.0, "matrix_half_gflop": 1.0, "memory_efficiency": 1.0}
    assert len(factors) < len(rows)
    limits = {"matrix_efficiency": 1 / 0.85, "memory_efficiency": 1 / 0.9}

    def loss(trial):
        return statistics.mean(abs(math.log(p / m)) for _, m, p, _ in vtrain(folder, rows, trial))

    best, step = loss(factors), 2.0
    while step > 1.02:
        improved = False
        for key in factors:
            for move in (step, 1 / step):
                trial = factors | {key: min(factors[key] * move, limits.get(key, math.inf))}
                if (now := loss(trial)) < best - 1e-6:
                    best, factors, improved = now, trial, True
        if not improved:
            step = math.sqrt(step)
    return factors


def main():
    rows = vtrain_rows()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        factors = fitted(folder, rows["fit"])
        tables = {"as described": {use: vtrain(folder, r, {}) for use, r in rows.items()},
                  f"{len(factors)} figures fitted": {use: vtrain(folder, r, factors) for use, r in rows.items()}}
    print("| runs | rows | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    for how, made in tables.items():
        for use, predictions in made.items():
            report(f"vtrain-multi, {use}, {how}", predictions)
    made = tables["as described"]
    # work over time of the fit rows, in devices' peaks
    rate = statistics.mean(work / measured for _, measured, _, work in made["fit"])
    report("vtrain-multi, predict, by a constant rate", [(i, m, w / rate, w) for i, m, _, w in made["predict"]])
    print("fitted factors: " + ", ".join(f"{key} {factor:.2f}" for key, factor in factors.items()))
    if "-v" in sys.argv:
        for how, made in tables.items():
            for use, predictions in made.items():
                for name, measured, predicted, _ in predictions:
                    print(f"{how}, {use} {name} {measured:.2f} s {predicted:.2f} s {100 * (predicted / measured - 1):+.1f} %")


if __name__ == "__main__":
    main()
