"""The use case of DistSim (arXiv 2306.08423): what the choice of a strategy is worth: python3 bench/cluster/use_case.py PARE [OUT]

BERT-large and two GPT-2-like networks on 16 and 64 devices, nodes of A40 as the paper has them and DGX A100, 16 samples a
device. Beside the best plan: the worst that fits, pure data parallelism (replicas that repeat everything, the best
micro-batch and recomputation), and the widths alone: best over worst of data x tensor x pipeline with
1F1B, micro-batches of one sample, nothing recomputed; all of them, and those whose tensor groups stay in a node. With OUT the studies and their page are kept there.
"""
import concurrent.futures
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

from description import set_key

PARE = sys.argv[1] if len(sys.argv) in (2, 3) else sys.exit(__doc__)
CLUSTERS = pathlib.Path(__file__).parents[2] / "clusters"
SAMPLES = 16  # a device
NETWORKS = {
    "BERT-large": {"model_type": "bert", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
                   "intermediate_size": 4096, "vocab_size": 30592, "max_position_embeddings": 512},
    "GPT-2 345 M": {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 50304,
                    "n_positions": 1024},
    "GPT-2-like 3.6 B": {"model_type": "gpt2", "n_embd": 3072, "n_layer": 30, "n_head": 32, "vocab_size": 50304,
                         "n_positions": 1024},
}


def pare(*arguments):
    run = subprocess.run([PARE, "cluster", *map(str, arguments), "--json"], capture_output=True, text=True)
    return json.loads(run.stdout)["candidates"] if run.returncode == 0 else []


def seconds(candidate):
    return candidate["costs"]["batch_time_s"]["value"]


def predictions(inputs, batch, strategies):
    """Of those strategies that divide what they must and fit the memory."""
    def predict(strategy):
        widths = zip(("--data-parallel", "--tensor-parallel", "--pipeline-parallel", "--micro-batch", "--recompute"), strategy)
        return pare("predict", *inputs, "--batch", batch, *itertools.chain(*widths))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = itertools.chain(*pool.map(predict, strategies))
    return [candidate for candidate in found if candidate["details"]["fits"]]


def row(inputs, folder, network, machine, devices):
    batch = SAMPLES * devices
    plans = pare("plan", *inputs, "--batch", batch, "-o", folder)
    best, worst = plans[0], plans[-1]
    replicas = predictions(inputs, batch, itertools.product([devices], [1], [1], [1, 2, 4, 8, 16], ["none", "full"]))
    powers = [2**i for i in range(devices.bit_length())]
    widths = predictions(inputs, batch, [(d, t, p, 1, "none") for d, t, p in itertools.product(powers, repeat=3)
                                         if d * t * p == devices])
    data = min(map(seconds, replicas), default=None)
    alone = [seconds(c) for c in widths]
    inside = [seconds(c) for c in widths if c["decision"]["tensor_parallel"] <= 8]
    print(f"| {network} | {machine} | {devices} | {best['name']} | {batch / seconds(best):.0f} | {worst['name']} | "
          f"{seconds(worst) / seconds(best):.2f} | {f'{data / seconds(best):.2f}' if data else 'does not fit'} | "
          f"{max(alone) / min(alone):.2f} | {max(inside) / min(inside):.2f} |", flush=True)


def main(out):
    columns = ["network", "nodes", "devices", "best", "samples/s", "worst that fits", "best over worst",
               "best over data parallel", "widths alone", "inside nodes"]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    studies = []
    for (network, config), machine, devices in itertools.product(NETWORKS.items(), ("a40", "dgx-a100-80gb"), (16, 64)):
        folder = out / f"{network} {machine} {devices}".replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        description = (CLUSTERS / f"{machine}.toml").read_text()
        (folder / "cluster.toml").write_text(set_key(description, "nodes.count", devices // 8))
        inputs = [folder / "config.json", "--cluster", folder / "cluster.toml"]
        row(inputs, folder, network, machine, devices)
        studies.append(folder / "study.json")
    subprocess.run([PARE, "report", *studies, "-o", out, "--quiet"], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(pathlib.Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(pathlib.Path(name))
