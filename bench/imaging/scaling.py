"""How `pare imaging compile` grows with the number of stages: python3 bench/imaging/scaling.py PARE [MEMORY]

Pipelines drawn by chance: each stage reads the one before it in 3 x 3 and, one in three, a pixel of one that lies two to four
before. 1920 x 1080, five pipelines a count; seconds of the whole command, and what of them the solver took.
"""
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

PARE = sys.argv[1] if len(sys.argv) in (2, 3) else sys.exit(__doc__)
MEMORY = sys.argv[2] if len(sys.argv) == 3 else "xilinx7"


def pipeline(stages, seed):
    draw = random.Random(seed)
    lines = ["input s0: u8"]
    for i in range(1, stages):
        value = f"sum(dy in -1..1, dx in -1..1: s{i - 1}(x + dx, y + dy))"
        if i >= 3 and draw.randrange(3) == 0:
            value += f" + s{draw.randint(max(0, i - 4), i - 2)}(x, y)"
        lines.append(f"{'output' if i == stages - 1 else 'stage'} s{i}: u8 = ({value}) >> 4")
    return "\n".join(lines) + "\n"


def main():
    print(f"{MEMORY}\n\nstages | lines | rounds | seconds, median | most | solver's share | gap, most")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "p.pipe"
        for stages in (5, 10, 15, 20, 30, 40, 50):
            lines, rounds, seconds, shares, gaps = [], [], [], [], []
            for seed in range(5):
                path.write_text(pipeline(stages, seed))
                start = time.perf_counter()
                run = subprocess.run([PARE, "imaging", "compile", path, "--memory", MEMORY, "--width", "1920", "--height", "1080",
                                      "--json"], capture_output=True, text=True)
                seconds.append(time.perf_counter() - start)
                if run.returncode:
                    sys.exit(f"{stages} stages, seed {seed}: {run.stderr}")
                study = json.loads(run.stdout)
                costs = study["candidates"][0]["costs"]
                lines.append(costs["lines"]["value"])
                gaps.append(costs["gap"]["value"])
                rounds.append(study["conditions"]["rounds"])
                shares.append(study["conditions"]["solver_s"] / costs["compile_s"]["value"])
            print(f"{stages} | {statistics.median(lines):.0f} | {statistics.median(rounds):.0f} | {statistics.median(seconds):.2f} | "
                  f"{max(seconds):.2f} | {100 * statistics.median(shares):.0f} % | {max(gaps):.2f} %", flush=True)


main()
