"""Writes the matrices that are multiplied, for programs that run where the graphs are not: each graph of PARE_ASSETS normalised as for a
graph convolution, in both directions.

    PARE_ASSETS=... python bench/graph/matrices.py FOLDER [--graphs a,b] [--generated FILE.npz]
"""
import argparse
import pathlib

import speed
import workers as w

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--graphs")
parser.add_argument("--generated")
arguments = parser.parse_args()
arguments.folder.mkdir(parents=True, exist_ok=True)
for file in speed.graphs(arguments):
    w.write_matrix(arguments.folder / file.name, w.normalised(w.symmetric_ones(w.read_matrix(file))))
