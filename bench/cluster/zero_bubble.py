"""Pipelines of Qi et al. 2024 from the times of a stage (PARE_ASSETS/cluster): python3 bench/cluster/zero_bubble.py PARE [-v]

Iterations of 1F1B, interleaved 1F1B (a layer a chunk) and ZB-1p (as ZB-H1, whose bubble it has) are predicted from the
profile of the paper's table 9; what a pass costs beside is one figure, fitted to the three rows marked "fit". Peak memory
of 1F1B and ZB-1p, nothing fitted, is given as the band of predicted over measured.
"""
import csv
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from description import set_key

PARE = sys.argv[1]
ASSETS = pathlib.Path(os.environ["PARE_ASSETS"]) / "cluster"
CLUSTERS = pathlib.Path(__file__).parents[2] / "clusters"
SCHEDULES = {"1F1B": "1f1b", "1F1B-I": "interleaved", "ZB-1p": "zb-h1"}


def chunks(row):
    """A layer each; embedding and head count as one."""
    return (int(row["layers"]) + 2) // int(row["pipeline"])


def ask(*arguments):
    done = subprocess.run([PARE, "cluster", *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)["candidates"]


def iteration_s(row, profile, pass_ms):
    made = ask("pipeline", "--ranks", row["pipeline"], "--micro-batches", row["micro_batches"], "--chunks", chunks(row),
               "--forward", profile["t_f_ms"], "--backward", profile["t_b_ms"], "--weight", profile["t_w_ms"],
               "--transfer", profile["t_comm_ms"], "--pass", pass_ms)
    return {c["name"]: c["costs"]["time_s"]["value"] for c in made}.get(SCHEDULES[row["schedule"]])


def memory_gb(row):
    network = {"model_type": "gpt2", "n_embd": int(row["hidden"]), "n_layer": int(row["layers"]),
               "n_head": int(row["heads"]), "vocab_size": 50304, "n_positions": int(row["sequence"])}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "config.json").write_text(json.dumps(network))
        text = set_key((CLUSTERS / "dgx-a100-80gb.toml").read_text(), "nodes.count", int(row["gpus"]) // 8)
        (folder / "cluster.toml").write_text(text)
        (made,) = ask("predict", folder / "config.json", "--cluster", folder / "cluster.toml", "--pipeline-parallel",
                      row["pipeline"], "--micro-batch", row["micro_batch"], "--batch",
                      int(row["micro_batch"]) * int(row["micro_batches"]), "--schedule", SCHEDULES[row["schedule"]],
                      "--plain-attention", "--precision", "bf16")
    return made["costs"]["peak_bytes"]["value"] / 1e9


def main():
    key = lambda row, ranks: (row["model"], row[ranks], row["micro_batches"])
    profiles = {key(row, "stages"): row for row in csv.DictReader((ASSETS / "zero_bubble_profile.csv").open())}
    rows = [row for row in csv.DictReader((ASSETS / "zero_bubble.csv").open()) if row["schedule"] in SCHEDULES]
    timed = [row for row in rows if row["id"].startswith("zb-t4") and key(row, "pipeline") in profiles]
    fit = [row for row in timed if row["use"] == "fit"]

    def errors(some, pass_ms):
        made = [(row, iteration_s(row, profiles[key(row, "pipeline")], pass_ms)) for row in some]
        return [(row, time / float(row["iteration_s"]) - 1) for row, time in made if time]

    def loss(pass_ms):
        return statistics.mean(abs(math.log1p(e)) for _, e in errors(fit, pass_ms))

    pass_ms = min((step / 20 for step in range(0, 61)), key=loss)
    print("| schedule | rows | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    predicted = [row for row in timed if row["use"] == "predict"]
    for schedule in [*SCHEDULES, "all"]:
        for how, used in (("no cost of passes", 0), (f"{pass_ms:.2f} ms a pass", pass_ms)):
            size = [abs(e) for row, e in errors([r for r in predicted if schedule in ("all", r["schedule"])], used)]
            print(f"| {schedule}, {how} | {len(size)} | {100 * statistics.mean(size):.1f} | {100 * statistics.median(size):.1f} | "
                  f"{100 * max(size):.1f} |")
    bands = {}
    for row in rows:
        if row["schedule"] != "1F1B-I":
            bands.setdefault(row["schedule"], []).append((memory_gb(row) / float(row["memory_gb"]), row["id"]))
    for schedule, found in bands.items():
        ratios = [ratio for ratio, _ in found]
        print(f"memory of {schedule}, predicted over measured: {min(ratios):.2f} to {max(ratios):.2f}, "
              f"median {statistics.median(ratios):.2f}, {len(ratios)} rows")
    if "-v" in sys.argv:
        for row, e in errors(timed, pass_ms):
            print(f"{row['use']} {row['id']} {100 * e:+.1f} %")
        for ratio, name in sum(bands.values(), []):
            print(f"{name} memory {ratio:.2f}")


if __name__ == "__main__":
    main()
