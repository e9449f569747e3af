"""The ONNX project's own test cases of single operators, run by pare.

node_cases_test.py RUNTIME_TOOL [--verbose]

The operators claimed are those that `RUNTIME_TOOL operators` prints. Cases of other operators, and of opsets beyond pare's, are counted, not run. A case of a claimed operator passes when every output agrees within the
tolerance that the case states; it is refused when pare says in one line why it does not take the file, and the reason
must be one of REFUSED; everything else fails.
"""
import collections
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np
import peers
from onnx.backend.test.case.node import collect_testcases

TOOL = sys.argv[1]
OPERATORS = set(subprocess.run([TOOL, "operators"], capture_output=True, text=True, check=True).stdout.split())
VERBOSE = "--verbose" in sys.argv
OLDEST, NEWEST = 7, 23
# what pare says of claimed operators in forms outside of its scope, and why it is out of scope
REFUSED = (
    "of a type that pare does not know",  # text, complex numbers, eight-bit floats, four-bit integers
    "casts to a type that pare does not know",
    "quantises to a type that pare does not know",
    "the indices of the maxima",  # for unpooling
    "in training mode",
    "which pare does not know",  # named attributes and modes
    "is no tensor",  # sequences and optional values
    "over several axes at once",
    "gives statistics, as in training",
)


tool = peers.Tool(TOOL, "-")


def feeds(case):
    inputs = [value.name for value in case.model.graph.input]
    return {name: value for name, value in zip(inputs, case.data_sets[0][0])}


def run(case, folder):
    path = pathlib.Path(folder) / "case.onnx"
    path.write_bytes(case.model.SerializeToString())
    arrays = {name: np.asarray(value) for name, value in feeds(case).items()}
    arrays = {name: a.view(np.uint16) if a.dtype == ml_dtypes.bfloat16 else a for name, a in arrays.items()}
    if any(a.dtype == object or a.dtype.kind not in "fiub" for a in arrays.values()):
        return None, "an input is of a type that pare does not know"
    np.savez(f"{folder}/in.npz", **arrays)
    answer = tool.answer(path, f"{folder}/in.npz", f"{folder}/out.npz")
    return (np.load(f"{folder}/out.npz"), None) if answer == "ok" else (None, answer)


def agrees(case, outputs):
    for value, wanted in zip(case.model.graph.output, case.data_sets[0][1]):
        got = outputs[value.name]
        wanted = np.asarray(wanted)
        if wanted.dtype == ml_dtypes.bfloat16:
            got = got.view(ml_dtypes.bfloat16)
        if got.shape != wanted.shape:
            return f"{value.name} has shape {got.shape}, not {wanted.shape}"
        if got.dtype != wanted.dtype:
            return f"{value.name} is {got.dtype}, not {wanted.dtype}"
        bits = {np.dtype(np.float16): 11, np.dtype(ml_dtypes.bfloat16): 8}.get(wanted.dtype, 24)
        if bits < 24 or wanted.dtype.kind == "f":
            got, wanted = got.astype(np.float64), wanted.astype(np.float64)
        try:
            least = max(1e-3, 4 * 2.0**-bits)  # two units of the last of its bits
            np.testing.assert_allclose(got, wanted, rtol=max(case.rtol, least), atol=max(case.atol, 1e-7))
        except AssertionError as error:
            return f"{value.name}: {' '.join(str(error).split())[:160]}"
    return None


def main():
    count = collections.Counter()
    failures, refusals = [], collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in collect_testcases(None):
            if case.kind != "node" or case.model is None:
                continue
            opset = max((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), default=0)
            standard = all(o.domain in ("", "ai.onnx") for o in case.model.opset_import)
            ops = {node.op_type for node in case.model.graph.node}
            if not OLDEST <= opset <= NEWEST:
                count["beyond our opset"] += 1
                continue
            if not standard or not ops <= OPERATORS:
                count["not claimed"] += 1
                continue
            count["claimed"] += 1
            try:
                outputs, refusal = run(case, folder)
                problem = None if refusal else agrees(case, outputs)
            except Exception as error:  # a crash, a timeout, a missing output
                refusal, problem = None, repr(error)
            if refusal and any(reason in refusal for reason in REFUSED):
                count["refused"] += 1
                refusals[next(reason for reason in REFUSED if reason in refusal)] += 1
                if VERBOSE:
                    print(f"refused {case.name}: {refusal}")
            elif refusal or problem:
                count["failed"] += 1
                failures.append(f"{case.name} (opset {opset}): {refusal or problem}")
            else:
                count["passed"] += 1
    for failure in failures:
        print("FAILED", failure)
    for reason, n in refusals.most_common():
        print(f"refused {n}: '{reason}'")
    print(", ".join(f"{count[key]} {key}" for key in
                    ("claimed", "passed", "refused", "failed", "not claimed", "beyond our opset")))
    return 1 if failures or count["passed"] < 500 else 0


if __name__ == "__main__":
    sys.exit(main())
