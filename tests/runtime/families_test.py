"""The runtime, plain and fused, against onnxruntime on exports of many families of networks.

families_test.py RUNTIME_TOOL FOLDER [NAME]...     exported files are kept in FOLDER, so that a second run is quick
"""
import pathlib
import sys
import time

import numpy as np
import families
import peers

# the lowest opset is the lowest that torch can export the family at
OLDEST = {"bert": 10, "minilm": 10, "distilbert": 10, "roberta": 11, "opt": 11, "llama": 10}
KINDS = {
    **{name: ["script09", "script13", "script17", "dynamo18"] for name in families.VISION},
    **{name: [f"script{OLDEST.get(name, 9):02}", "script12", "script14", "script17", "dynamo18", "dynamo23"]
       for name in [*families.IMAGE_ENCODERS, *families.TEXT_ENCODERS, *families.DECODERS]},
}
for name in families.DECODERS:
    KINDS[name] += [f"past_script{max(OLDEST.get(name, 9), 11)}", "past_script17", "past_dynamo20"]


def other_sizes(example):
    """The same inputs with another batch and more tokens, where the file leaves them open."""
    random = np.random.default_rng(1)
    if "image" in example:
        shape = (3, *example["image"].shape[1:])
        return {"image": random.standard_normal(shape).astype(np.float32)}
    past = next((v.shape[2] for k, v in example.items() if k.startswith("past")), 0)
    out = {"input_ids": random.integers(3, 120, (3, 7))}
    out["attention_mask"] = np.ones((3, 7 + (past + 1 if past else 0)), np.int64)
    for key, value in example.items():
        if key.startswith("past"):
            out[key] = random.standard_normal((3, value.shape[1], past + 1, value.shape[3])).astype(np.float32)
    return out


def main():
    tool, folder, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    tools = {"plain": peers.Tool(tool, "-"), "fused": peers.Tool(tool, "-", "--fused")}
    passed, failed, not_exported = 0, 0, []
    for name, kinds in KINDS.items():
        for kind in kinds:
            label = f"{name}_{kind}"
            if wanted and not any(label.startswith(w) for w in wanted):
                continue
            start = time.time()
            try:
                path, example = families.make(name, kind, folder)
            except Exception as error:
                not_exported.append(label)
                print(f"torch cannot export {label}: {' '.join(str(error).split())[:150]}", flush=True)
                continue
            exported = time.time() - start
            problems = []
            for inputs in (example, other_sizes(example)):
                try:
                    theirs = peers.reference(path, inputs)
                except Exception as error:
                    if inputs is example:
                        problems.append(f"onnxruntime: {error}")
                    continue  # the exporter fixed a size
                for form, program in tools.items():
                    try:
                        mine = program.run(path, inputs)
                        worst = max(peers.difference(mine[key], theirs[key]) for key in theirs)
                        if worst > 1e-4:
                            problems.append(f"{form}: differs by {worst:.2g}")
                    except RuntimeError as error:
                        problems.append(f"{form}: {error}")
            passed += not problems
            failed += bool(problems)
            for problem in problems:
                print(f"FAILED {label}: {problem}", flush=True)
            if not problems:
                print(f"{label}: agrees (export {exported:.1f} s, checks {time.time() - start - exported:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed, {len(not_exported)} that torch could not export")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
