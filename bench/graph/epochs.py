"""Training epochs of GCN and GIN beside PyTorch Geometric and DGL, in turns.

epochs.py [LIBPARE_TORCH.so] [--graphs a,b] [--threads N] [--rounds N] [--least-ms MS] [--models gcn,gin] [--json FILE]

The networks and what an epoch is: epoch_worker.py. Losses of three epochs from the same first weights must agree before
anything is timed. Every library shows the fastest of its ways (paths) for each graph; pare's are shown one by one, since `linear first`
changes the order of GIN's operations, which nobody else does. Without LIBPARE_TORCH.so the peers run alone.
"""
import argparse
import json
import os
import pathlib

import numpy as np

import speed
import workers as w


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", nargs="?")
    parser.add_argument("--graphs")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least-ms", type=float, default=200)
    parser.add_argument("--models", default="gcn,gin")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    arguments.generated = None
    return arguments


def worker(library, threads, *more):
    python = w.DEPS / ("bench_dgl" if library == "dgl" else "bench_pyg") / "bin/python"
    return w.Worker([str(python), str(w.HERE / "epoch_worker.py"), library, str(threads), *more], library, threads)


def check_losses(workers, paths, name):
    first = None
    for one in workers:
        for path in paths[one.name]:
            losses = one.ask("loss", path=path, epochs=3)["losses"]
            first = first or losses
            # float32 sums in other orders, carried through three steps of Adam
            if not np.allclose(losses, first, rtol=2e-2):
                raise SystemExit(f"{name}: {one.name} ({path}) loses {losses}, {workers[0].name} {first}")


def main():
    arguments = parse()
    workers = [worker("pyg", arguments.threads), worker("dgl", arguments.threads)]
    if arguments.library:
        workers.append(worker("pare", arguments.threads, str(pathlib.Path(arguments.library).resolve())))
    print(f"{speed.processor()}, {arguments.threads} threads; milliseconds an epoch")
    every = []
    for model in arguments.models.split(","):
        rows = []
        for file in speed.graphs(arguments):
            speed.note(model, file.stem)
            for one in workers:
                size = one.ask("load", graph=str(file))
            paths = {one.name: one.ask("model", model=model)["paths"] for one in workers}
            check_losses(workers, paths, f"{model} on {file.stem}")
            times = w.race(workers, paths, arguments.rounds, arguments.least_ms / 1e3, keep=("pare",))
            row = {"graph": file.stem, "model": model, **size}
            for one in workers:
                row[one.name] = speed.best_of(times, one.name)
            row["pare_paths"] = {path: times.median("pare", path) for name, path in times.seconds if name == "pare"}
            rows.append(row)
        report(model, rows)
        every += rows
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(every, indent=1))
    for one in workers:
        one.close()


def report(model, rows):
    ways = list(rows[0]["pare_paths"])
    print(f"\n### {model}\n| graph | features | PyG | by | DGL | by | " + "".join(f"pare, {way} | " for way in ways) +
          ("best peer / pare |" if ways else "") + "\n" + "| --- " * (6 + len(ways) + bool(ways)) + "|")
    ratios = {way: [] for way in ways}
    for row in rows:
        best = min(row["pyg"]["median_s"], row["dgl"]["median_s"])
        for way in ways:
            ratios[way].append(best / row["pare_paths"][way])
        print(f"| {row['graph']} | {row['features']} | {1e3 * row['pyg']['median_s']:.2f} | {row['pyg']['path']} | "
              f"{1e3 * row['dgl']['median_s']:.2f} | {row['dgl']['path']} | " +
              "".join(f"{1e3 * row['pare_paths'][way]:.2f} | " for way in ways) +
              (" / ".join(f"{ratios[way][-1]:.2f}" for way in ways) + " |" if ways else ""))
    for way in ways:
        print(f"\npare, {way}: mean {np.mean(ratios[way]):.2f}, geometric mean {np.exp(np.mean(np.log(ratios[way]))):.2f}, "
              f"worst {min(ratios[way]):.2f}")


if __name__ == "__main__":
    main()
