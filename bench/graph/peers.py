"""A worker that times sparse times dense as one other library does it: peers.py LIBRARY THREADS.

LIBRARY: scipy, torch (torch.sparse CSR, MKL inside), mkl (the inspector-executor of the `mkl` wheel), pyg or dgl. Requests
come as lines of JSON on standard input and are answered by a line each; aggregate_speed.cc speaks the same.

  {"do": "load", "graph": FILE}            the matrix of an npz in CSR  -> {"rows", "nonzeros"}
  {"do": "width", "width": F}              features of that width       -> {"paths": [names]}
  {"do": "check", "path": P, "file": OUT}  writes y, float32            -> {}
  {"do": "time", "path": P, "least_s": S}  runs until S have passed     -> {"seconds": [one a run]}

A path is one way that the library offers to compute y = A x; the driver goes on with its fastest. What a caller does once for
a matrix (formats, hints, optimisation) happens in "width", outside the timed part.
"""
import ctypes
import json
import pathlib
import sys
import time

import numpy as np


def aligned(rows, width):
    """Aligned to 64 bytes as torch aligns; numpy does not, and then every wide load touches two cache lines."""
    memory = np.empty(rows * width + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip:skip + rows * width].reshape(rows, width)


def features(rows, width):
    """The same in aggregate_speed.cc; exact in float32."""
    row = np.arange(rows, dtype=np.int64)[:, None] * 131
    column = np.arange(width, dtype=np.int64)[None, :] * 71
    x = aligned(rows, width)
    x[:] = ((row + column) % 251 - 125) / 64
    return x


class Matrix:
    def __init__(self, path):
        with np.load(path) as arrays:
            self.begin = arrays["adj_indptr"].astype(np.int32)
            self.column = arrays["adj_indices"].astype(np.int32)
            self.weight = arrays["adj_data"].astype(np.float32)
        self.rows = len(self.begin) - 1
        self.unweighted = bool(np.all(self.weight == 1))
        # (A + I) / sqrt(d d'): sqrt of the diagonal is what rows and columns are scaled by
        if not self.unweighted:
            row = np.repeat(np.arange(self.rows), np.diff(self.begin))
            self.scale = np.zeros(self.rows, np.float32)
            diagonal = row == self.column
            self.scale[row[diagonal]] = np.sqrt(self.weight[diagonal])


# Each library: a function (matrix, x) -> {path: (function without arguments that returns y)}.

def scipy_paths(matrix, x, threads):
    import scipy.sparse
    from scipy.sparse import _sparsetools
    a = scipy.sparse.csr_matrix((matrix.weight, matrix.column, matrix.begin), shape=(matrix.rows, len(x)))
    y = aligned(matrix.rows, x.shape[1])

    def in_place():
        y.fill(0)
        _sparsetools.csr_matvecs(matrix.rows, len(x), x.shape[1], a.indptr, a.indices, a.data, x.ravel(), y.ravel())
        return y

    return {"@": lambda: a @ x, "in place": in_place}


def torch_paths(matrix, x, threads):
    import torch
    x = torch.from_numpy(x)
    y = torch.empty(matrix.rows, x.shape[1])
    paths = {}
    for name, kind in (("int32", torch.int32), ("int64", torch.int64)):
        a = torch.sparse_csr_tensor(torch.from_numpy(matrix.begin).to(kind), torch.from_numpy(matrix.column).to(kind),
                                    torch.from_numpy(matrix.weight), size=(matrix.rows, len(x)))
        paths[f"mm out, {name}"] = lambda a=a: torch.mm(a, x, out=y)
        paths[f"@, {name}"] = lambda a=a: a @ x
        paths[f"reduce, {name}"] = lambda a=a: torch.sparse.mm(a, x, "sum")
    return paths


def pyg_paths(matrix, x, threads):
    import torch
    import torch_geometric.utils as utils
    from torch_geometric import EdgeIndex
    x = torch.from_numpy(x)
    begin, column = (torch.from_numpy(v).long() for v in (matrix.begin, matrix.column))
    row = torch.repeat_interleave(torch.arange(matrix.rows), begin.diff())
    weight = None if matrix.unweighted else torch.from_numpy(matrix.weight)
    csr = torch.sparse_csr_tensor(begin, column, torch.from_numpy(matrix.weight), size=(matrix.rows, len(x)))
    edges = EdgeIndex(torch.stack([row, column]), sparse_size=(matrix.rows, len(x)), sort_order="row")
    edges.fill_cache_()
    paths = {
        "utils.spmm": lambda: utils.spmm(csr, x, reduce="sum"),
        "EdgeIndex": lambda: edges.matmul(x, input_value=weight, reduce="sum"),
        "utils.segment": lambda: utils.segment(gathered(x, column, weight), begin, reduce="sum"),
        "utils.scatter": lambda: utils.scatter(gathered(x, column, weight), row, dim_size=matrix.rows, reduce="sum"),
    }
    try:
        from torch_sparse import SparseTensor, matmul
        tensor = SparseTensor(rowptr=begin, col=column, value=weight, sparse_sizes=(matrix.rows, len(x)), is_sorted=True,
                              trust_data=True)
        paths["SparseTensor"] = lambda: matmul(tensor, x, reduce="sum")
    except ImportError:
        pass  # compiled where environments.sh could
    return paths


def gathered(x, column, weight):
    messages = x.index_select(0, column)
    return messages if weight is None else messages * weight[:, None]


def dgl_paths(matrix, x, threads):
    import dgl
    import torch
    x = torch.from_numpy(x)
    # edges from columns to rows: by destination, a graph's CSC is the matrix's CSR
    graph = dgl.graph(("csc", (torch.from_numpy(matrix.begin), torch.from_numpy(matrix.column), torch.tensor([], dtype=torch.int32))),
                      num_nodes=matrix.rows, idtype=torch.int32).formats("csc")
    graph.create_formats_()
    index = graph._graph
    if matrix.unweighted:
        return {"copy_u_sum": lambda: dgl.ops.copy_u_sum(graph, x),
                "gspmm": lambda: dgl._sparse_ops._gspmm(index, "copy_lhs", "sum", x, None)[0]}
    weight, scale = torch.from_numpy(matrix.weight)[:, None], torch.from_numpy(matrix.scale)[:, None]
    return {"u_mul_e_sum": lambda: dgl.ops.u_mul_e_sum(graph, x, weight),
            "gspmm": lambda: dgl._sparse_ops._gspmm(index, "mul", "sum", x, weight)[0],
            "scaled copy_u_sum": lambda: dgl.ops.copy_u_sum(graph, x * scale).mul_(scale)}


class Descriptor(ctypes.Structure):  # struct matrix_descr: general, no mode, no diagonal
    _fields_ = [("type", ctypes.c_int), ("mode", ctypes.c_int), ("diag", ctypes.c_int)]


def load_mkl(threads):
    folder = pathlib.Path(sys.prefix) / "lib"
    ctypes.CDLL(str(folder / "libiomp5.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(next(folder.glob("libmkl_rt.so*"))), mode=ctypes.RTLD_GLOBAL)
    library.MKL_Set_Num_Threads(ctypes.c_int(threads))
    return library


def mkl_paths(matrix, x, threads):
    library = load_mkl(threads)
    width = x.shape[1]
    y = aligned(matrix.rows, width)

    def ok(status):
        if status != 0:
            sys.exit(f"MKL answered {status}")

    paths = {}
    descriptor = Descriptor(20, 0, 50)  # SPARSE_MATRIX_TYPE_GENERAL, -, SPARSE_DIAG_NON_UNIT
    for name in ("hint, optimize", "plain"):
        handle = ctypes.c_void_p()
        int32, float32 = ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(ctypes.c_float)
        begin = matrix.begin.ctypes.data_as(int32)
        end = ctypes.cast(matrix.begin.ctypes.data + 4, int32)
        ok(library.mkl_sparse_s_create_csr(ctypes.byref(handle), 0, matrix.rows, len(x), begin, end,
                                           matrix.column.ctypes.data_as(int32), matrix.weight.ctypes.data_as(float32)))
        if name != "plain":
            # 10: no transpose; 101: row-major
            ok(library.mkl_sparse_set_mm_hint(handle, 10, descriptor, 101, width, 100000))
            ok(library.mkl_sparse_optimize(handle))
        arguments = (10, ctypes.c_float(1), handle, descriptor, 101, x.ctypes.data_as(float32), width, width, ctypes.c_float(0),
                     y.ctypes.data_as(float32), width)
        multiply = library.mkl_sparse_s_mm

        def run(arguments=arguments):
            if multiply(*arguments) != 0:
                sys.exit("MKL failed")
            return y

        paths[name] = run
    return paths


LIBRARIES = {"scipy": scipy_paths, "torch": torch_paths, "mkl": mkl_paths, "pyg": pyg_paths, "dgl": dgl_paths}


WARM_UP_S = 0.02


def run_times(run, least_s):
    """Seconds of each run, until least_s have passed. Short runs are timed several at once: a reading costs too. Threads that
    slept first share a processor for some milliseconds, so that the first runs do not count."""
    clock = time.perf_counter
    begun = clock()
    once = 1
    while clock() - begun < WARM_UP_S:
        start = clock()
        run()
        once = min(once, clock() - start)
    group = max(1, int(100e-6 / once))
    seconds = []
    begun = clock()
    while not seconds or clock() - begun < least_s:
        start = clock()
        for _ in range(group):
            run()
        seconds.append((clock() - start) / group)
    return seconds


def main():
    library, threads = sys.argv[1], int(sys.argv[2])
    if library in ("torch", "pyg", "dgl"):
        import torch
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
    matrix, paths = None, {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["do"] == "load":
            paths = {}
            matrix = Matrix(request["graph"])
            answer = {"rows": matrix.rows, "nonzeros": len(matrix.column)}
        elif request["do"] == "width":
            paths = {}
            paths = LIBRARIES[library](matrix, features(matrix.rows, request["width"]), threads)
            answer = {"paths": list(paths)}
        elif request["do"] == "check":
            np.asarray(paths[request["path"]](), np.float32).tofile(request["file"])
        elif request["do"] == "time":
            answer = {"seconds": run_times(paths[request["path"]], request["least_s"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
