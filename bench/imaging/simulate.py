"""Generated Verilog against the reference, from 16 x 16 to 1920 x 1080, as markdown:

    python3 bench/imaging/simulate.py PARE [--sizes 16x16,48x40,...] [--memories xilinx7,...] [EXAMPLE ...]

Without names all of examples/imaging, on the images of $PARE_ASSETS/images (needs pillow), else on noise. Three frames each, in
Verilator: first without stalls, then with random stalls on all sides. "Fill" is the cycle of each output's first word as the
schedule says it, and as it was seen. A row that is not as it must be is marked FAIL and the exit status is 1.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "imaging"
SIZES = "16x16,48x40,320x240,640x480,1920x1080"
MEMORIES = "xilinx7,ice40,sram-single-port"
PICTURES = ("camera", "moon", "coins"), ("astronaut", "coffee", "chelsea")  # of one channel and of three


def pictures(pipe, folder):
    """What --test takes: an image for each input, of as many channels as it has."""
    assets = os.environ.get("PARE_ASSETS")
    inputs = re.findall(r"^input\s+(\w+):\s*\w+?(?:\.\d+)?(?:x(\d+))?\s*$", re.sub(r"\s*#.*", "", pipe.read_text()), re.M)
    if not assets or any(channels not in ("", "3") for _, channels in inputs):
        return ["noise"]
    from PIL import Image
    out = []
    for i, (name, channels) in enumerate(inputs):
        file = folder / f"{name}.png"
        picture = PICTURES[channels == "3"][i % 3]
        Image.open(pathlib.Path(assets) / "images" / f"{picture}.png").convert("RGB" if channels else "L").save(file)
        out.append(f"{name}={file}")
    return out


def timed(*command, cwd):
    began = time.time()
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return run, time.time() - began


def simulated(pare, name, memory, width, height):
    """Cells of a row; None where the image is too small."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        pipe = EXAMPLES / f"{name}.pipe"
        run, compile_s = timed(pare, "imaging", "compile", pipe, "--memory", memory, "--width", str(width), "--height", str(height),
                               "-q", "-o", folder, "--test", *pictures(pipe, folder), cwd=".")
        if run.returncode:
            return None, run.stderr.strip()
        lint, _ = timed("make", "-s", "lint", cwd=folder)
        build, build_s = timed("make", "-s", "build/Vtop", cwd=folder)
        if lint.returncode or build.returncode:
            return None, (lint.stderr + build.stderr).strip().splitlines()[0]
        calm, calm_s = timed("build/Vtop", cwd=folder)
        stalled, _ = timed("build/Vtop", "--stall", "30", "--seed", "7", cwd=folder)
        schedule = json.loads((folder / "schedule.json").read_text())
    start = {stage["name"]: stage["start_cycle"] for stage in schedule["stages"]}
    begun = min(start[name] for name in re.findall(r"^input\s+(\w+)", pipe.read_text(), re.M))
    fill = [max(output["first_cycle"] - begun, 0) for output in schedule["outputs"]]
    a, b = json.loads(calm.stdout), json.loads(stalled.stdout)
    seen = [a["fill"][output["name"]] for output in schedule["outputs"]]
    good = a["good"] and b["good"] and seen == fill and a["words"] == b["words"]
    listed = lambda values: ", ".join(map(str, values))
    return [a["words"], a["wrong"] + b["wrong"], listed(fill), listed(seen), a["bubbles"], f"{a['cycles']} / {b['cycles']}",
            f"{compile_s:.1f}", f"{build_s:.1f}", f"{calm_s:.2f}", "yes" if good else "**FAIL**"], ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pare", type=pathlib.Path)
    parser.add_argument("examples", nargs="*")
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--memories", default=MEMORIES)
    given = parser.parse_args()
    failed = 0
    print("| pipeline | memory | size | words of 3 frames | wrong (both runs) | fill, predicted | fill, seen | bubbles | "
          "cycles without / with stalls | compile s | build s | simulation s | as it must be |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in given.examples or sorted(path.stem for path in EXAMPLES.glob("*.pipe")):
        for memory in given.memories.split(","):
            for size in given.sizes.split(","):
                cells, reason = simulated(given.pare.absolute(), name, memory, *map(int, size.split("x")))
                failed += cells is not None and "FAIL" in cells[-1]
                failed += cells is None and "window" not in reason and "divide" not in reason
                print(f"| {name} | {memory} | {size} | " + (" | ".join(map(str, cells)) if cells else reason) + " |", flush=True)
    sys.exit(failed > 0)


main()
