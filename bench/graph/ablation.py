"""Where aggregation's speed comes from: natural CSR, reordered CSR, split without selection, with selection.

ablation.py AGGREGATE_SPEED [--graphs a,b] [--generated FILE.npz] [--widths 16,64] [--threads N] [--rounds N] [--least-ms MS]
            [--products gcn,gin] [--order community] [--json FILE]

Every step is pare's own kernel with a fixed plan, so that the gain of the order stands apart from that of subgraph
kernels, and both from that of choosing. Times in microseconds, medians over rounds; ratios are of the step before over
the step. `renumbered` runs plain CSR over the matrix as the order renumbers it, features moved too; `ordered` works on rows in
that order with features where they are. `best split` is the fastest of the fixed splits for this graph and width, `one split` the
one that is best over all. What choosing cost is in runs of the chosen plan.
"""
import argparse
import json
import os
import pathlib
import tempfile

import numpy as np

import speed
import workers as w

SPLITS = ("16: tile + rows", "16: tile + coordinates", "128: local + rows", "128: local + coordinates")
STEPS = ("random", "natural", "ordered", "renumbered", *SPLITS, "chosen, unsplit", "chosen")  # as aggregate_speed names them


def race_steps(arguments, threads, a, width, folder):
    """{step: median seconds}, and what was chosen."""
    natural, renumbered = (w.Worker([arguments.tool, str(threads)], name, threads) for name in ("pare", "renumbered"))
    w.write_matrix(f"{folder}/a.npz", a)
    natural.ask("load", graph=f"{folder}/a.npz", all=True)
    order_s = natural.ask("order", order=arguments.order, file=f"{folder}/new_of")["seconds"]
    b = w.renumbered(a, np.fromfile(f"{folder}/new_of", np.int32))
    w.write_matrix(f"{folder}/b.npz", b)
    renumbered.ask("load", graph=f"{folder}/b.npz", all=True)
    turns = [(natural, path, path) for path in natural.ask("width", width=width)["paths"] if path in STEPS]
    renumbered.ask("width", width=width)
    turns.append((renumbered, "natural", "renumbered"))
    references = {natural: w.Reference(a, width), renumbered: w.Reference(b, width)}
    for worker, path, _ in turns:
        references[worker].check(worker, path)
    seconds = {}
    for round_number in range(arguments.rounds):
        at = round_number % len(turns)
        for worker, path, step in turns[at:] + turns[:at]:
            runs = worker.ask("time", path=path, least_s=arguments.least_ms / 1e3)["seconds"]
            seconds.setdefault(step, []).append(float(np.median(runs)))
    choices = {c["path"]: c for c in natural.ask("chosen")["choices"]}
    natural.close()
    renumbered.close()
    return {step: float(np.median(s)) for step, s in seconds.items()}, choices["chosen"], order_s


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--graphs")
    parser.add_argument("--generated")
    parser.add_argument("--widths", default="16,64")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--least-ms", type=float, default=10)
    parser.add_argument("--products", default="gcn,gin")
    parser.add_argument("--order", default="community")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    print(f"{speed.processor()}, {arguments.threads} threads")
    every = []
    for product in arguments.products.split(","):
        for width in map(int, arguments.widths.split(",")):
            rows = []
            for file in speed.graphs(arguments):
                a = w.symmetric_ones(w.read_matrix(file))
                with tempfile.TemporaryDirectory() as folder:
                    times, choice, order_s = race_steps(arguments, arguments.threads,
                                                        w.normalised(a) if product == "gcn" else a, width, folder)
                rows.append({"graph": file.stem, "product": product, "width": width, "seconds": times, "choice": choice,
                             "order_s": order_s})
            report(rows, product, width)
            every += rows
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(every, indent=1))


def report(rows, product, width):
    # the split that is best over all graphs, chosen on the very graphs it is judged by: the selector's hardest rival
    one = min(SPLITS, key=lambda split: sum(np.log(row["seconds"][split]) for row in rows))
    print(f"\n### {product}, width {width}; one split: {one}")
    print("| graph | natural µs | random | ordered | renumbered | one split | best split | chosen, unsplit | chosen | plan | "
          "choosing, runs |\n" + "| --- " * 11 + "|")
    for row in rows:
        t = {step: 1e6 * s for step, s in row["seconds"].items()}
        cost = (row["choice"]["measuring_s"] + row["choice"]["preparing_s"]) / row["seconds"]["chosen"]
        print(f"| {row['graph']} | {t['natural']:.0f} | {t['random']:.0f} | {t['ordered']:.0f} | {t['renumbered']:.0f} | "
              f"{t[one]:.0f} | {min(t[s] for s in SPLITS):.0f} | {t['chosen, unsplit']:.0f} | {t['chosen']:.0f} | "
              f"{row['choice']['plan']} | {cost:.0f} |")

    def mean(numerator, denominator):
        return np.exp(np.mean([np.log(numerator(r["seconds"]) / denominator(r["seconds"])) for r in rows]))

    def step(name):
        return lambda seconds: seconds[name]

    print(f"\nGeometric means: natural over ordered {mean(step('natural'), step('ordered')):.2f}, natural over renumbered "
          f"{mean(step('natural'), step('renumbered')):.2f}; ordered over one split {mean(step('ordered'), step(one)):.2f}, ordered over "
          f"best split {mean(step('ordered'), lambda s: min(s[x] for x in SPLITS)):.2f}; one split over chosen "
          f"{mean(step(one), step('chosen')):.2f}; natural over chosen {mean(step('natural'), step('chosen')):.2f}, of which "
          f"without splits {mean(step('natural'), step('chosen, unsplit')):.2f}.")


if __name__ == "__main__":
    main()
