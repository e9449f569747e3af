"""Speed of graph aggregation beside the libraries that people use: every graph and width, in turns, as ratios.

speed.py [AGGREGATE_SPEED] [--graphs a,b] [--generated FILE.npz] [--widths 16,32,64,128] [--threads 2,1] [--rounds N]
         [--least-ms MS] [--products gcn,gin] [--peers scipy,torch,mkl,pyg,dgl] [--order community] [--json FILE]

y = A x, float32; gcn: A = (A + I) / sqrt(d d'), weighted; gin: the neighbours' sum, unweighted. Every result is first checked
against scipy in double. Without AGGREGATE_SPEED the peers run alone. A cell is the best peer's time over pare's (above 1: pare
is faster), of medians over rounds and, behind the stroke, of minima; then the best peer, and the ratio to the best peer
on the matrix as pare's order renumbers it. Roofline: bytes that must move (every array once) over the copy bandwidth
measured in the same run, as a share of pare's time; above 1 the caches helped.
Graphs: those of PARE_ASSETS, and one made by `aggregate_speed --generate`.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import numpy as np

import workers as w


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", nargs="?")
    parser.add_argument("--graphs")
    parser.add_argument("--generated")
    parser.add_argument("--widths", default="16,32,64,128")
    parser.add_argument("--threads", default=",".join(str(n) for n in dict.fromkeys((os.cpu_count(), 1))))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--least-ms", type=float, default=20)
    parser.add_argument("--products", default="gcn,gin")
    parser.add_argument("--peers", default=",".join(w.LIBRARIES))
    parser.add_argument("--order", default="community")
    parser.add_argument("--json", help="writes every figure there")
    return parser.parse_args()


def graphs(arguments):
    assets = os.environ.get("PARE_ASSETS")
    if not assets:
        raise SystemExit("PARE_ASSETS is not set: it names the folder that holds graphs/")
    files = sorted(pathlib.Path(assets, "graphs").glob("*.npz"))
    if arguments.graphs is not None:
        files = [f for f in files if f.stem in arguments.graphs.split(",")]
    return files + ([pathlib.Path(arguments.generated)] if arguments.generated else [])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ")[1]
    return "unknown processor"


def copy_bandwidth():
    """Bytes read and written a second by a copy that no cache holds, the best of some; of one thread."""
    a = np.ones(1 << 26, np.float32)
    b = np.empty_like(a)
    best = 0
    for _ in range(7):
        start = time.perf_counter()
        np.copyto(b, a)
        best = max(best, 2 * a.nbytes / (time.perf_counter() - start))
    return best


def compulsory_bytes(a, width, weighted):
    return a.nnz * (8 if weighted else 4) + 4 * a.shape[0] + 8 * a.shape[0] * width


def note(*words):
    print(*words, file=sys.stderr, flush=True)


class Run:
    def __init__(self, arguments, threads):
        self.arguments, self.threads = arguments, threads
        self.peers = [w.peer(library, threads) for library in arguments.peers.split(",")]
        self.pare = w.Worker([arguments.tool, str(threads)], "pare", threads) if arguments.tool else None
        self.rows = []

    def close(self):
        for worker in self.peers + ([self.pare] if self.pare else []):
            worker.close()

    def graph(self, name, product, a, folder):
        natural, ordered = f"{folder}/{product}.npz", None
        w.write_matrix(natural, a)
        everyone = self.peers + ([self.pare] if self.pare else [])
        matrices = [("natural", a, natural, everyone)]
        if self.pare:
            self.pare.ask("load", graph=natural)
            self.pare.ask("order", order=self.arguments.order, file=f"{folder}/new_of")
            b = w.renumbered(a, np.fromfile(f"{folder}/new_of", np.int32))
            ordered = f"{folder}/{product}_ordered.npz"
            w.write_matrix(ordered, b)
            matrices.append(("ordered", b, ordered, self.peers))
        rows = {}
        for label, matrix, path, racing in matrices:
            for worker in racing:
                worker.ask("load", graph=path)
            for width in map(int, self.arguments.widths.split(",")):
                paths = {worker.name: worker.ask("width", width=width)["paths"] for worker in racing}
                reference = w.Reference(matrix, width)
                for worker in racing:
                    for p in paths[worker.name]:
                        reference.check(worker, p)
                times = w.race(racing, paths, self.arguments.rounds, self.arguments.least_ms / 1e3)
                row = rows.setdefault(width, {"graph": name, "product": product, "threads": self.threads, "width": width,
                                              "vertices": a.shape[0], "nonzeros": a.nnz})
                row[label] = {worker.name: best_of(times, worker.name) for worker in racing}
                row["compulsory_bytes"] = compulsory_bytes(a, width, product == "gcn")
        self.rows += rows.values()
        return rows.values()


def best_of(times, name):
    path = times.fastest(name)
    return {"path": path, "median_s": times.median(name, path), "minimum_s": times.minimum(name, path)}


def best_peer(figures, key):
    return min((f[key], name) for name, f in figures.items() if name != "pare")


def cell(row):
    figures = row["natural"]
    if "pare" not in figures:
        return ", ".join(f"**{1e6 * f['median_s']:.0f}**" if name == best_peer(figures, "median_s")[1] else
                         f"{1e6 * f['median_s']:.0f}" for name, f in figures.items())
    pare = figures["pare"]
    time, name = best_peer(figures, "median_s")
    text = f"{time / pare['median_s']:.2f} / {best_peer(figures, 'minimum_s')[0] / pare['minimum_s']:.2f} {name}"
    if "ordered" in row:
        text += f" ({best_peer(row['ordered'], 'median_s')[0] / pare['median_s']:.2f})"
    return text


def table(rows, widths, threads, product):
    print(f"\n### {product}, {threads} thread{'s' if threads > 1 else ''}")
    print("| graph | vertices | nonzeros | " + " | ".join(f"width {width}" for width in widths) + " |\n" +
          "| --- |" * 1 + " --- |" * (2 + len(widths)))
    for name in dict.fromkeys(row["graph"] for row in rows):
        mine = [row for row in rows if row["graph"] == name]
        print(f"| {name} | {mine[0]['vertices']:,} | {mine[0]['nonzeros']:,} | " + " | ".join(map(cell, mine)) + " |")


def summary(rows, bandwidth):
    for label in ("natural", "ordered"):
        ratios = {}
        for row in rows:
            if label in row and "pare" in row["natural"]:
                ratios[f"{row['graph']} at {row['width']}"] = (best_peer(row[label], "median_s")[0] /
                                                               row["natural"]["pare"]["median_s"])
        if ratios:
            worst = min(ratios, key=ratios.get)
            print(f"\nBest peer, {label} order, over pare: geometric mean {np.exp(np.mean(np.log(list(ratios.values())))):.2f}, "
                  f"worst {ratios[worst]:.2f} ({worst}), below 1 in {sum(r < 1 for r in ratios.values())} of {len(ratios)}.")
    wins = {}
    for row in rows:
        name = best_peer(row["natural"], "median_s")[1]
        wins[name] = wins.get(name, 0) + 1
    print("\nBest peer in: " + ", ".join(f"{name} {n}" for name, n in sorted(wins.items(), key=lambda i: -i[1])))
    largest = max(rows, key=lambda row: row["compulsory_bytes"])
    for name, f in largest["natural"].items():
        print(f"{largest['graph']} at {largest['width']}, {name} ({f['path']}): {1e3 * f['median_s']:.2f} ms, "
              f"{largest['compulsory_bytes'] / f['median_s'] / bandwidth:.2f} of the roofline")


def main():
    arguments = parse()
    widths = [int(width) for width in arguments.widths.split(",")]
    bandwidth = copy_bandwidth()
    print(f"{processor()}, {os.cpu_count()} processors; one thread copies at {bandwidth / 1e9:.1f} GB/s")
    every = []
    for threads in map(int, arguments.threads.split(",")):
        run = Run(arguments, threads)
        with tempfile.TemporaryDirectory() as folder:
            for product in arguments.products.split(","):
                rows = []
                for file in graphs(arguments):
                    a = w.symmetric_ones(w.read_matrix(file))
                    note(file.stem, product, threads)
                    rows += run.graph(file.stem, product, w.normalised(a) if product == "gcn" else a, folder)
                    every = [*every, *run.rows[len(run.rows) - len(widths):]]
                    if arguments.json:
                        pathlib.Path(arguments.json).write_text(json.dumps(every, indent=1))
                table(rows, widths, threads, product)
                summary(rows, bandwidth)
        run.close()


if __name__ == "__main__":
    main()
