"""Where measured runs and pare's descriptions of clusters are."""
import os
import pathlib
import sys

ASSETS = pathlib.Path(os.environ.get("PARE_ASSETS") or sys.exit("PARE_ASSETS is not set")) / "cluster"
HERE = pathlib.Path(__file__).parent
CLUSTERS = HERE.parents[1] / "clusters"
