"""Workers (pare's aggregate_speed and peers.py) driven in turns, matrices for them, and what they must come to."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import scipy.sparse

HERE = pathlib.Path(__file__).parent
DEPS = pathlib.Path(os.environ.get("PARE_DEPS", HERE.parent.parent / ".deps"))
LIBRARIES = ("scipy", "torch", "mkl", "pyg", "dgl")


class Worker:
    def __init__(self, command, name, threads):
        self.name = name
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), DGLBACKEND="pytorch",
                           PYTHONWARNINGS="ignore", PARE_CACHE="off")  # choices are measured here, not remembered
        # some count the processors they may run on, whatever the variables say
        allowed = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
                                        preexec_fn=lambda: os.sched_setaffinity(0, allowed))

    def ask(self, do, **request):
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.name} ended at {do} {request}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peer(library, threads):
    python = DEPS / ("bench_dgl" if library == "dgl" else "bench_pyg") / "bin/python"
    return Worker([str(python), str(HERE / "peers.py"), library, str(threads)], library, threads)


def read_matrix(path):
    with np.load(path) as arrays:
        a = scipy.sparse.csr_matrix((arrays["adj_data"], arrays["adj_indices"], arrays["adj_indptr"]),
                                    shape=tuple(arrays["adj_shape"]))
    return a.astype(np.float32)


def write_matrix(path, a):
    a.sort_indices()
    np.savez(path, adj_data=a.data.astype(np.float32), adj_indices=a.indices.astype(np.int32),
             adj_indptr=a.indptr.astype(np.int32), adj_shape=np.array(a.shape, np.int64))


def symmetric_ones(a):
    """The structure in both directions, without self loops, every weight 1: what GIN sums over."""
    a = a + a.T
    a.setdiag(0)
    a.eliminate_zeros()
    a.data[:] = 1
    return a.tocsr()


def normalised(a):
    """(A + I) / sqrt(d d'), d the degrees of A + I: GCN's matrix. `a` as symmetric_ones gives it."""
    a = a + scipy.sparse.identity(a.shape[0], np.float32, "csr")
    scale = scipy.sparse.diags(1 / np.sqrt(np.asarray(a.sum(1)).ravel()))
    return (scale @ a @ scale).tocsr().astype(np.float32)


def renumbered(a, new_of):
    order = np.argsort(new_of)
    return a[order][:, order]


def features(rows, width):
    row = np.arange(rows, dtype=np.int64)[:, None] * 131
    column = np.arange(width, dtype=np.int64)[None, :] * 71
    return ((row + column) % 251 - 125) / 64


class Reference:
    """a x in double, and what rounding to float32 may cost."""

    def __init__(self, a, width):
        x = features(a.shape[1], width)
        self.y = a.astype(np.float64) @ x
        self.bound = 1e-5 * (abs(a).astype(np.float64) @ np.abs(x)) + 1e-30

    def check(self, worker, path):
        with tempfile.NamedTemporaryFile() as file:
            worker.ask("check", path=path, file=file.name)
            y = np.fromfile(file.name, np.float32).reshape(self.y.shape)
        wrong = np.abs(y - self.y) > self.bound
        if wrong.any() or np.isnan(y).any():
            raise SystemExit(f"{worker.name} ({path}) is wrong in {wrong.sum()} of {wrong.size} values")


class Times:
    def __init__(self):
        self.seconds = {}  # (worker, path) -> [one list a round]

    def add(self, worker, path, seconds):
        self.seconds.setdefault((worker.name, path), []).append(seconds)

    def minimum(self, name, path):
        return min(min(s) for s in self.seconds[name, path])

    def median(self, name, path):
        return float(np.median([np.median(s) for s in self.seconds[name, path]]))

    def fastest(self, name):
        """The library's fastest path by median of rounds."""
        return min((path for n, path in self.seconds if n == name), key=lambda path: self.median(name, path))


def race(workers, paths, rounds, least_s, quiet_s=0.02, keep=()):
    """Times every path of every worker in turns; after the first round only each worker's fastest three, after the second its
    fastest one (of those in `keep`: all, always). Noise hits all alike, since turns are short."""
    times = Times()
    paths = {worker.name: list(paths[worker.name]) for worker in workers}
    for round_number in range(rounds):
        # a different one goes first each time
        turn = round_number % len(workers)
        for worker in workers[turn:] + workers[:turn]:
            for path in paths[worker.name]:
                # threads of the one before may go on spinning for a while (Intel's 200 ms)
                time.sleep(quiet_s)
                times.add(worker, path, worker.ask("time", path=path, least_s=least_s)["seconds"])
            time.sleep(0.22 if worker.name == "mkl" else 0)
        if round_number < 2:
            for name in set(paths) - set(keep):
                paths[name].sort(key=lambda path: times.minimum(name, path))
                paths[name] = paths[name][:3 if round_number == 0 else 1]
    return times
