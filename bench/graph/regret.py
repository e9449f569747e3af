"""What the search for kernels misses: the plan it chose beside the best of all plans measured at length.

    PARE_ASSETS=... python bench/graph/regret.py PARE [--widths 16,32,64,128] [--graphs a,b]

Every graph of the assets, A + I scaled by degrees. Both choices are made anew. Regret is what the chosen plan takes over the
best one, both as measured in the exhaustive run; measuring is what the search took, in aggregations.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pare")
    parser.add_argument("--widths", default="16,32,64,128")
    parser.add_argument("--graphs")
    parser.set_defaults(generated=None)
    given = parser.parse_args()
    regrets, measuring = [], []
    print("| graph | width | chosen | best | regret, % |")
    print("| --- | --- | --- | --- | --- |")
    for file in speed.graphs(given):
        searched, all_plans = tuned(given.pare, file, given.widths), tuned(given.pare, file, given.widths, "--exhaustive")
        for width in searched:
            chosen = next(c for c in searched[width] if c["details"].get("chosen"))
            took = {c["name"]: c["costs"]["ms"]["value"] for c in all_plans[width]}
            best = min(took, key=took.get)
            regrets.append(100 * (took[chosen["name"]] / took[best] - 1))
            measuring.append(chosen["details"]["measuring_aggregations"])
            print(f"| {file.stem} | {width} | {chosen['name']} | {best} | {regrets[-1]:.1f} |", flush=True)
    ranked = sorted(regrets)
    print(f"\nRegret: median {ranked[len(ranked) // 2]:.1f} %, 9 of 10 within {ranked[len(ranked) * 9 // 10]:.1f} %, worst {ranked[-1]:.1f} %; "
          f"above 3 % in {sum(r > 3 for r in ranked)} of {len(ranked)}. Measuring: {min(measuring):.0f} to {max(measuring):.0f} aggregations.")


main()
