"""What the tests against onnxruntime share: the programs under test and how outputs are compared."""
import subprocess
import tempfile

import numpy as np
import onnx.reference
import onnxruntime

onnxruntime.set_default_logger_severity(4)


class Tool:
    """One process for many files: loading torch takes longer than most of them."""

    def __init__(self, *command):
        self.command, self.process = command, None

    def answer(self, *lines):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in lines:
            self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"the program ended with {self.process.wait()}")
        return answer

    def run(self, path, inputs):
        """Outputs by name, or a RuntimeError with what the program said."""
        with tempfile.TemporaryDirectory() as folder:
            np.savez(f"{folder}/in.npz", **inputs)
            answer = self.answer(path, f"{folder}/in.npz", f"{folder}/out.npz")
            if answer != "ok":
                raise RuntimeError(answer)
            with np.load(f"{folder}/out.npz") as out:
                return {name: out[name] for name in out.files}


def reference(path, inputs):
    """By onnxruntime; where it refuses the file, by the ONNX project's own evaluator."""
    try:
        return onnxruntime_reference(path, inputs)
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
        evaluator = onnx.reference.ReferenceEvaluator(str(path))
        return dict(zip(evaluator.output_names, evaluator.run(None, inputs)))


def onnxruntime_reference(path, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))


def difference(mine, theirs):
    """The largest difference relative to the largest of theirs; infinite where shapes or NaNs differ."""
    if mine.shape != theirs.shape:
        return np.inf
    if not theirs.size:
        return 0.0
    mine, theirs = mine.astype(np.float64), theirs.astype(np.float64)
    if (np.isnan(mine) != np.isnan(theirs)).any():
        return np.inf
    scale = max(1e-6, np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
    with np.errstate(invalid="ignore"):
        error = np.where((mine == theirs) | np.isnan(theirs), 0, np.abs(mine - theirs))
    return error.max() / scale
