"""What the search for kernels misses: the plan it chose beside the best of all plans.

    PARE_ASSETS=... python bench/graph/regret.py PARE [--widths 16,32,64,128] [--graphs a,b]

Every graph of the assets, A + I scaled by degrees, a process each: the search; all plans measured at length behind it; then
the chosen one and the fastest few of all measured once more in turns. Regret is what the chosen one takes over the best of
those; noise is the regret of the plan that was best of all before, which no search can be expected to beat. Measuring is
what the search took, in aggregations.
"""
import argparse
import json
import os
import subprocess

import speed


def judged(pare, graph, widths):
    """The chosen candidates, a width each."""
    run = subprocess.run([pare, "graph", "tune", graph, "--matrix", "gcn", "--width", widths, "--judge", "--json"],
                         capture_output=True, text=True, env=dict(os.environ, PARE_CACHE="off"))
    if run.returncode:
        raise SystemExit(run.stderr)
    return [c for c in json.loads(run.stdout)["candidates"] if c["details"].get("chosen")]


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
        for chosen in judged(given.pare, file, given.widths):
            judgement = chosen["details"]["judgement"]
            regrets.append(100 * judgement["regret"])
            noise.append(100 * judgement["regret_of_best_before"])
            measuring.append(chosen["details"]["measuring_aggregations"])
            print(f"| {file.stem} | {chosen['decision']['width']} | {chosen['name'].split(': ')[-1]} | {judgement['best']} | "
                  f"{judgement['best_before']} | {regrets[-1]:.1f} | {noise[-1]:.1f} |", flush=True)
    print()
    for name, values in ("Regret", regrets), ("Noise", noise):
        ranked = sorted(values)
        print(f"{name}: median {ranked[len(ranked) // 2]:.1f} %, 9 of 10 within {ranked[len(ranked) * 9 // 10]:.1f} %, "
              f"worst {ranked[-1]:.1f} %; above 3 % in {sum(r > 3 for r in ranked)} of {len(ranked)}.")
    print(f"Measuring: {min(measuring):.0f} to {max(measuring):.0f} aggregations.")


main()
