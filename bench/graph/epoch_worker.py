"""A worker that times training epochs of one library: epoch_worker.py pyg|dgl|pare THREADS [LIBPARE_TORCH.so].

Requests as in peers.py:
  {"do": "load", "graph": FILE}                    -> {"vertices", "edges", "features", "classes"}
  {"do": "model", "model": "gcn"|"gin"}            -> {"paths": [names]}
  {"do": "time", "path": P, "least_s": S}          -> {"seconds": [one an epoch]}
  {"do": "loss", "path": P, "epochs": N}           -> {"losses": [N]}, from the same first weights in every library

The networks are those of the GNNAdvisor benchmark: GCN of 2 layers, hidden 16; GIN of 5 layers, hidden 64, one linear layer each;
ReLU between, log-softmax behind, Adam with rate 0.01. An epoch is forward, backward and the optimiser's step over all vertices.
Loading, normalisation and formats are made before.
"""
import json
import sys

import numpy as np

from peers import run_times

LAYERS = {"gcn": (2, 16), "gin": (5, 64)}


class Data:
    def __init__(self, path):
        import scipy.sparse
        import torch
        with np.load(path) as arrays:
            def matrix(prefix):
                return scipy.sparse.csr_matrix(tuple(arrays[prefix + k] for k in ("data", "indices", "indptr")),
                                               shape=tuple(arrays[prefix + "shape"]))
            a = matrix("adj_")
            a = a + a.T
            a.setdiag(0)
            a.eliminate_zeros()
            a.data[:] = 1
            self.a = a.tocsr().astype(np.float32)
            self.a.sort_indices()
            self.vertices = a.shape[0]
            random = np.random.default_rng(0)
            self.words = matrix("attr_").astype(np.float32) if "attr_data" in arrays else None
            self.x = torch.from_numpy(self.words.toarray() if self.words is not None else
                                      random.standard_normal((self.vertices, 64), np.float32))
            labels = arrays["labels"] if "labels" in arrays else random.integers(0, 10, self.vertices)
        self.labels = torch.from_numpy(np.maximum(labels, 0).astype(np.int64))
        self.classes = int(self.labels.max()) + 1
        with_loops = (self.a + scipy.sparse.identity(self.vertices, np.float32, "csr")).tocsr()
        with_loops.sort_indices()
        self.with_loops = with_loops
        self.scale = 1 / np.sqrt(np.diff(with_loops.indptr)).astype(np.float32)

    def edges(self, a):
        """[2, edges]: sources over targets, by target."""
        import torch
        row = np.repeat(np.arange(self.vertices), np.diff(a.indptr))
        return torch.from_numpy(np.stack([a.indices.astype(np.int64), row]))

    def normalised(self):
        row = np.repeat(np.arange(self.vertices), np.diff(self.with_loops.indptr))
        return self.scale[row] * self.scale[self.with_loops.indices]


def widths(data, model):
    layers, hidden = LAYERS[model]
    return [data.x.shape[1]] + [hidden] * (layers - 1) + [data.classes]


def weights(data, model):
    """The first weights, alike everywhere: [(out x in, out)] a layer."""
    import torch
    random = np.random.default_rng(1)
    dims = widths(data, model)
    return [(torch.from_numpy(random.uniform(-1, 1, (o, i)).astype(np.float32) / np.float32(np.sqrt(i))), torch.zeros(o))
            for i, o in zip(dims, dims[1:])]


# Each: (data, model) -> {path: (parameters, forward)}.

def pyg_paths(data, model):
    import torch
    from torch_geometric import EdgeIndex
    from torch_geometric.nn import GCNConv, GINConv
    dims = widths(data, model)
    a = data.with_loops if model == "gcn" else data.a
    values = torch.from_numpy(data.normalised()) if model == "gcn" else None
    edges = data.edges(a)
    # by target, so that its rows are what is summed into; its transpose is known to be the same
    index = EdgeIndex(edges, sparse_size=(data.vertices, data.vertices), sort_order="col", is_undirected=True)
    index.fill_cache_()
    csr = torch.sparse_csr_tensor(torch.from_numpy(a.indptr).long(), torch.from_numpy(a.indices).long(),
                                  values if values is not None else torch.ones(a.nnz), size=a.shape)
    paths = {}
    for name, graph in (("edge_index", edges), ("EdgeIndex", index), ("sparse CSR", csr)):
        convolutions = []
        for (w, b), i, o in zip(weights(data, model), dims, dims[1:]):
            linear = torch.nn.Linear(i, o)
            convolution = GCNConv(i, o, normalize=False) if model == "gcn" else GINConv(linear)
            if model == "gcn":
                linear = convolution.lin
                convolution.bias.data.copy_(b)
            else:
                linear.bias.data.copy_(b)
            linear.weight.data.copy_(w)
            convolutions.append(convolution)

        def forward(x, convolutions=convolutions, graph=graph):
            for k, convolution in enumerate(convolutions):
                if model == "gcn":
                    x = convolution(x, graph, None if graph is csr else values)
                else:
                    x = convolution(x, graph)
                x = x.relu() if k + 1 < len(convolutions) else x
            return x

        paths[name] = ([p for c in convolutions for p in c.parameters()], forward)
    return paths


def dgl_paths(data, model):
    import dgl
    import torch
    from dgl.nn import GINConv, GraphConv
    dims = widths(data, model)
    a = data.with_loops if model == "gcn" else data.a
    source, target = data.edges(a)
    graph = dgl.graph((source.int(), target.int()), num_nodes=data.vertices).formats(["csr", "csc"])
    graph.create_formats_()
    values = torch.from_numpy(data.normalised())[:, None] if model == "gcn" else None
    paths = {}
    for name in ("norm both", "edge weights") if model == "gcn" else ("GINConv",):
        convolutions = []
        for (w, b), i, o in zip(weights(data, model), dims, dims[1:]):
            if model == "gcn":
                convolution = GraphConv(i, o, norm="both" if name == "norm both" else "none", allow_zero_in_degree=True)
                convolution.weight.data.copy_(w.T)
                convolution.bias.data.copy_(b)
            else:
                linear = torch.nn.Linear(i, o)
                linear.weight.data.copy_(w)
                linear.bias.data.copy_(b)
                convolution = GINConv(linear, "sum")
            convolutions.append(convolution)

        def forward(x, convolutions=convolutions, name=name):
            for k, convolution in enumerate(convolutions):
                x = convolution(graph, x, edge_weight=values) if name == "edge weights" else convolution(graph, x)
                x = x.relu() if k + 1 < len(convolutions) else x
            return x

        paths[name] = ([p for c in convolutions for p in c.parameters()], forward)
    return paths


def pare_paths(data, model):
    import torch
    aggregate = torch.ops.pare.aggregate_sum
    a = data.with_loops if model == "gcn" else data.a

    def matrix(m, values):
        return torch.classes.pare.Propagation(torch.from_numpy(m.indptr).long(), torch.from_numpy(m.indices).int(), m.shape[1], values)

    def propagation(values):
        return matrix(a, values)

    def product(x, w):
        return x @ w if isinstance(x, torch.Tensor) else aggregate(w, x)

    # bags of words multiplied as the sparse matrices they are, as `pare graph train` does; other features as before
    def with_words(made):
        parameters, forward = made
        if data.words is None:
            return made
        words = matrix(data.words, torch.from_numpy(data.words.data))
        return parameters, lambda _: forward(words)

    def parameters():
        return [[w.T.contiguous().requires_grad_(), b.clone().requires_grad_()] for w, b in weights(data, model)]

    def layers(each):
        own = parameters()

        def forward(x):
            for k, (w, b) in enumerate(own):
                x = each(x, w, b, k + 1 < len(own))
            return x
        return [p for pair in own for p in pair], forward

    if model == "gcn":
        weighted, bare = propagation(torch.from_numpy(data.normalised())), propagation(None)
        scale = torch.from_numpy(data.scale)

        def by_weights(x, w, b, relu):
            return aggregate(x @ w, weighted, bias=b, relu=relu)

        def by_scales(x, w, b, relu):
            return aggregate(product(x, w), bare, row_scale=scale, column_scale=scale, bias=b, relu=relu)

        return {"edge weights": layers(by_weights), "scales": layers(by_scales), "scales, sparse words": with_words(layers(by_scales))}
    bare = propagation(None)

    def given(x, w, b, relu):
        x = torch.addmm(b, aggregate(x, bare, own=x), w)
        return x.relu() if relu else x

    # the sum and the linear layer commute: sums over the narrower side
    def narrow(x, w, b, relu):
        if w.shape[1] >= w.shape[0]:
            return given(x, w, b, relu)
        x = product(x, w)
        return aggregate(x, bare, own=x, bias=b, relu=relu)

    return {"as given": layers(given), "linear first": layers(narrow), "linear first, sparse words": with_words(layers(narrow))}


class Training:
    def __init__(self, data, parameters, forward):
        import torch
        self.data, self.forward = data, forward
        self.optimiser = torch.optim.Adam(parameters, lr=0.01)

    def epoch(self):
        import torch
        self.optimiser.zero_grad()
        out = torch.nn.functional.log_softmax(self.forward(self.data.x), 1)
        loss = torch.nn.functional.nll_loss(out, self.data.labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def main():
    import torch
    library, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    if library == "pare":
        torch.ops.load_library(sys.argv[3])
    make = {"pyg": pyg_paths, "dgl": dgl_paths, "pare": pare_paths}[library]
    data, model, trainings = None, None, {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["do"] == "load":
            trainings = {}
            data = Data(request["graph"])
            answer = {"vertices": data.vertices, "edges": data.a.nnz, "features": data.x.shape[1], "classes": data.classes}
        elif request["do"] == "model":
            model = request["model"]
            trainings = {name: Training(data, *parts) for name, parts in make(data, model).items()}
            answer = {"paths": list(trainings)}
        elif request["do"] == "loss":
            training = Training(data, *make(data, model)[request["path"]])
            answer = {"losses": [training.epoch() for _ in range(request["epochs"])]}
        elif request["do"] == "time":
            answer = {"seconds": run_times(trainings[request["path"]].epoch, request["least_s"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
