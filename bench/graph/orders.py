"""How near each order puts neighbours, and what it costs. Usage: orders.py GRAPH_TOOL FOLDER_OF_GRAPHS [BLOCK]

GRAPH_TOOL is build/<preset>/bin/graph_tool. Writes a table for docs/graph.md: share of nonzeros inside blocks, mean
log2(1 + gap) in bits, seconds (one thread, one run).
"""
import pathlib
import subprocess
import sys

ORDERS = ["natural", "rcm", "community", "metis"]


def main(tool, folder, block="128"):
    print("| graph | nonzeros |", " | ".join(ORDERS), "|\n| --- | ---: |", " --- |" * len(ORDERS))
    for path in sorted(pathlib.Path(folder).glob("*.npz")):
        cells = []
        for order in ORDERS:
            out = subprocess.run([tool, "order", path, order, block], check=True, capture_output=True, text=True).stdout
            inside, bits, _, seconds, nonzeros = out.split("\n")[1].split()
            cells.append(f"{float(inside):.3f}, {float(bits):.2f} bits, {float(seconds):.3f} s")
        print(f"| {path.stem} | {nonzeros} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
