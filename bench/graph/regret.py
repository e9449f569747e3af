"""What the search for kernels misses: the plan it chose beside the best of all plans measured at length.

    PARE_ASSETS=... python bench/graph/regret.py PARE [--widths 16,32,64,128] [--graphs a,b]

Every graph of the assets, A + I scaled by degrees, everything measured anew in three processes: the search, and all plans
twice. Regret is what a plan takes over the best one, both in the second run of all plans; noise is the regret of the plan
that was best in the first, which no search can be expected to beat. Measuring is what the search took, in aggregations.
"""
import argparse
import json
import os
import subprocess

import speed


def tuned(pare, graph, widths, *more):
    """Candidates by width."""
    run = subprocess.run([pare, "graph", "tune", graph, "--matrix", "gcn", "--width", widths, "--json", *more], capture_output=True,
                         text=True, env=dict(os.environ, PARE_CACHE="off"))
    if run.returncode:
        raise SystemExit(run.stderr)
    by_width = {}
    for candidate in json.loads(run.stdout)["candidates"]:
        by_width.setdefault(candidate["decision"]["width"], []).append(candidate)
    return by_width


def plan(candidate):
    return candidate["name"].split(": ")[-1]


def milliseconds(candidates):
    return {plan(c): c["costs"]["ms"]["value"] for c in candidates}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pare")
    parser.add_argument("--widths", default="16,32,64,128")
    parser.add_argument("--graphs")
    parser.set_defaults(generated=None)
    given = parser.parse_args()
    regrets, noise, measuring = [], [], []
    print("| graph | width | chosen | best | best before | regret, % | noise, % |")
    print("| --- | --- | --- | --- | --- | ---: | ---: |")
    for file in speed.graphs(given):
        searched = tuned(given.pare, file, given.widths)
        before, after = (tuned(given.pare, file, given.widths, "--exhaustive") for _ in range(2))
        for width in searched:
            chosen = next(c for c in searched[width] if c["details"].get("chosen"))
            was, took = milliseconds(before[width]), milliseconds(after[width])
            best, best_before = min(took, key=took.get), min(was, key=was.get)
            regret = {name: 100 * (took[name] / took[best] - 1) for name in took}
            regrets.append(regret[plan(chosen)])
            noise.append(regret[best_before])
            measuring.append(chosen["details"]["measuring_aggregations"])
            print(f"| {file.stem} | {width} | {plan(chosen)} | {best} | {best_before} | {regrets[-1]:.1f} | {noise[-1]:.1f} |", flush=True)
    print()
    for name, values in ("Regret", regrets), ("Noise", noise):
        ranked = sorted(values)
        print(f"{name}: median {ranked[len(ranked) // 2]:.1f} %, 9 of 10 within {ranked[len(ranked) * 9 // 10]:.1f} %, "
              f"worst {ranked[-1]:.1f} %; above 3 % in {sum(r > 3 for r in ranked)} of {len(ranked)}.")
    print(f"Measuring: {min(measuring):.0f} to {max(measuring):.0f} aggregations.")


main()
