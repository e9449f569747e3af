"""Predictions beside published training runs (PARE_ASSETS/cluster): python3 bench/cluster/published.py PARE

The device's description is clusters/dgx-a100-80gb.toml with the machine's own count of nodes and links; nothing is fitted to
the runs. Rows marked "fit" and "predict" are listed apart, as only the latter may stand in a table of errors once
something is fitted. Beside pare: the constant predictor, the mean FLOP/s of the fit rows.
"""
import csv
import json
import os
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


def vtrain(folder):
    """Megatron-DeepSpeed: full recomputation, 1F1B, gradients summed after the last backward pass."""
    a100 = (CLUSTERS / "dgx-a100-80gb.toml").read_text().replace("bandwidth_gb_s = 190", "bandwidth_gb_s = 96")
    made = {"fit": [], "predict": []}
    for text in csv.DictReader((ASSETS / "vtrain_a100.csv").open()):
        row = {key: int(text[key]) for key in ("gpus", "batch", "micro_batch", "hidden", "heads", "layers", "sequence",
                                               "tensor", "data", "pipeline")}
        row["vocabulary"] = -(-50257 // (128 * row["tensor"])) * 128 * row["tensor"]
        cluster = a100.replace("count = 2", f"count = {row['gpus'] // 8}")
        time, utilisation = predict(folder, row, cluster, "--recompute", "full", "--plain-attention", "--no-overlap")
        made[text["use"]].append((text["id"], float(text["iteration_s"]), time, utilisation * time))
    return made


def main():
    verbose = "-v" in sys.argv
    with tempfile.TemporaryDirectory() as temporary:
        made = vtrain(pathlib.Path(temporary))
    print("| runs | rows | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    for use, rows in made.items():
        report(f"vtrain-multi, {use}", rows)
    # work over time of the fit rows, in devices' peaks
    rate = statistics.mean(work / measured for _, measured, _, work in made["fit"])
    report("vtrain-multi, predict, by a constant rate", [(i, m, w / rate, w) for i, m, _, w in made["predict"]])
    if verbose:
        for use, rows in made.items():
            for name, measured, predicted, _ in rows:
                print(f"{use} {name} {measured:.2f} {predicted:.2f} {100 * (predicted / measured - 1):+.1f} %")


if __name__ == "__main__":
    main()
