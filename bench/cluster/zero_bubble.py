"""Pipelines of Qi et al. 2024 from the times of a stage (PARE_ASSETS/cluster): python3 bench/cluster/zero_bubble.py PARE [-v]

Iterations of 1F1B, interleaved 1F1B (a layer a chunk), ZB-1p and ZB-2p are predicted from the profile of the paper's
table 9; what a pass costs beside is one figure, fitted to the three rows marked "fit" (all of 1F1B). There is no profile of
the pipelines of ZB-V: published.py predicts them. Printed too: the largest difference between bubble rates and those of
table 5, and peak memory, nothing fitted, as the band of predicted over measured.
"""
import csv
import functools
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

from description import set_key
from folders import ASSETS, CLUSTERS

PARE = sys.argv[1]
SCHEDULES = {"1F1B": "1f1b", "1F1B-I": "interleaved", "ZB-1p": "zb-1p", "ZB-2p": "zb-2p", "ZB-V": "zb-v"}
RATES = {"1f1b": "1f1b", "interleaved": "1f1b_interleaved", "zb-h1": "zb_h1", "zb-h2": "zb_h2", "zb-1p": "zb_1p",
         "zb-2p": "zb_2p"}


def chunks(row):
    """A layer each; embedding and head count as one."""
    return (int(row["layers"]) + 2) // int(row["pipeline"])


def options(row):
    """Of pare cluster predict: the schedule, and how these pipelines are run."""
    made = ["--schedule", SCHEDULES[row["schedule"]], "--plain-attention", "--precision", "bf16"]
    return made + (["--chunks", str(chunks(row))] if row["schedule"] == "1F1B-I" else [])


def ask(*arguments):
    done = subprocess.run([PARE, "cluster", *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)["candidates"]


@functools.cache
def pipelines(ranks, micro_batches, chunks, forward, backward, weight, transfer, pass_ms):
    made = ask("pipeline", "--ranks", ranks, "--micro-batches", micro_batches, "--chunks", chunks, "--forward", forward,
               "--backward", backward, "--weight", weight, "--transfer", transfer, "--pass", pass_ms)
    return {c["name"]: {name: cost["value"] for name, cost in c["costs"].items()} for c in made}


def by_profile(profile, layers, pass_ms):
    return pipelines(profile["stages"], profile["micro_batches"], layers,
                     *(profile[f"t_{part}_ms"] for part in ("f", "b", "w", "comm")), pass_ms)


def iteration_s(row, profile, pass_ms):
    return by_profile(profile, chunks(row), pass_ms)[SCHEDULES[row["schedule"]]]["time_s"]


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
                      int(row["micro_batch"]) * int(row["micro_batches"]), *options(row))
    return made["costs"]["peak_bytes"]["value"] / 1e9


def main():
    key = lambda row, ranks: (row["model"], row[ranks], row["micro_batches"])
    profiles = {key(row, "stages"): row for row in csv.DictReader((ASSETS / "zero_bubble_profile.csv").open())}
    rows = [row for row in csv.DictReader((ASSETS / "zero_bubble.csv").open()) if row["schedule"] in SCHEDULES]
    timed = [row for row in rows if row["id"].startswith("zb-t4") and key(row, "pipeline") in profiles]
    fit = [row for row in timed if row["use"] == "fit"]

    def errors(some, pass_ms):
        made = [(row, iteration_s(row, profiles[key(row, "pipeline")], pass_ms)) for row in some]
        return [(row, time / float(row["iteration_s"]) - 1) for row, time in made]

    def loss(pass_ms):
        return statistics.mean(abs(math.log1p(e)) for _, e in errors(fit, pass_ms))

    pass_ms = min((step / 20 for step in range(0, 61)), key=loss)
    print("| schedule | rows | mean error % | median % | worst % |\n| --- | --- | --- | --- | --- |")
    predicted = [row for row in timed if row["use"] == "predict"]
    for schedule in [s for s in SCHEDULES if any(row["schedule"] == s for row in predicted)] + ["all"]:
        for how, used in (("no cost of passes", 0), (f"{pass_ms:.2f} ms a pass", pass_ms)):
            size = [abs(e) for row, e in errors([r for r in predicted if schedule in ("all", r["schedule"])], used)]
            print(f"| {schedule}, {how} | {len(size)} | {100 * statistics.mean(size):.1f} | {100 * statistics.median(size):.1f} | "
                  f"{100 * max(size):.1f} |")
    layers = {row["model"]: chunks(row) for row in timed}
    for schedule, column in RATES.items():
        apart = [abs(by_profile(p, layers[p["model"]], 0)[schedule]["bubble_share"] - float(p[f"bubble_{column}"]))
                 for p in profiles.values()]
        print(f"bubble rate of {schedule}: largest difference from table 5 {max(apart):.5f}, {len(apart)} rows")
    bands = {}
    for row in rows:
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
