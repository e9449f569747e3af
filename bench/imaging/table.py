"""Memory of every design, by pipeline, width and memory, as markdown: python3 bench/imaging/table.py PARE [EXAMPLE ...]

A table each for lines, bits, blocks and, of the memories that say it, energy (microjoules a frame), each minimised on its
own. **Bold** is the optimum where it is proven, (in parentheses) what the memory's ports cannot do; designs that need less
than the optimum are marked "!", those that need less than the relayed one too "!!". Without names all of examples/imaging
are compiled.
"""
import json
import pathlib
import subprocess
import sys

PARE = sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__)
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "imaging"
NAMES = sys.argv[2:] or sorted(path.stem for path in EXAMPLES.glob("*.pipe"))
SIZES = ((480, 320), (1920, 1080))
MEMORIES = (("sram-single-port", 1), ("ice40", 1), ("sram-dual-port", 1), ("xilinx7", 1), ("xilinx7", 2))
DESIGNS = ("optimum", "relayed", "asap", "darkroom", "soda", "fixynn")
WITH_ENERGY = (("sky130-single-port", 1), ("sky130-two-ports", 1))
# objective: title, cost, what of it is one
UNITS = {"lines": ("Lines", "lines", 1), "bits": ("Kilobits", "memory_bits", 1000), "blocks": ("Blocks", "memory_blocks", 1),
         "power": ("Microjoules a frame", "energy_pj", 1e6)}


def compiled(name, memory, group, width, height, objective):
    """Candidates by name, or None and the reason."""
    run = subprocess.run([PARE, "imaging", "compile", EXAMPLES / f"{name}.pipe", "--memory", memory, "--coalesce", str(group),
                          "--width", str(width), "--height", str(height), "--objective", objective, "--relays", "--json"],
                         capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip()
    return {c["name"]: c for c in json.loads(run.stdout)["candidates"]}, ""


def cell(candidate, cost, unit, best, relayed):
    if candidate is None:
        return "-"
    value = candidate["costs"][cost]["value"]
    text = f"{value / unit:.1f}" if unit > 1 else f"{value:.0f}"
    if "ports" in candidate["decision"]:
        return f"({text})"
    if candidate["name"] == "optimum":
        return f"**{text}**" if candidate["costs"]["gap"]["value"] == 0 else text
    return text + "!" * ((value < best) + (value < relayed))


def main():
    less = {design: 0 for design in DESIGNS[1:]}
    legal, less_than_relayed = dict(less), dict(less)
    for objective, (title, cost, unit) in UNITS.items():
        print(f"\n### {title}\n")
        print("| pipeline | width | memory | lines a block | " + " | ".join(DESIGNS) + " |")
        print("|---|---|---|---|" + "---|" * len(DESIGNS))
        for name in NAMES:
            for width, height in SIZES:
                for memory, group in WITH_ENERGY if objective == "power" else MEMORIES:
                    if objective == "blocks" and memory.startswith("sram"):
                        continue  # macros are made to measure: their number says little
                    candidates, reason = compiled(name, memory, group, width, height, objective)
                    if candidates is None:
                        print(f"| {name} | {width} | {memory} | {group} | {reason} |" + " |" * (len(DESIGNS) - 1), flush=True)
                        continue
                    best = candidates["optimum"]["costs"][cost]["value"]
                    relayed = candidates.get("relayed", candidates["optimum"])["costs"][cost]["value"]
                    for design in DESIGNS[1:]:
                        if design in candidates and "ports" not in candidates[design]["decision"]:
                            legal[design] += 1
                            less[design] += candidates[design]["costs"][cost]["value"] < best
                            less_than_relayed[design] += candidates[design]["costs"][cost]["value"] < relayed
                    cells = [cell(candidates.get(d), cost, unit, best, relayed) for d in DESIGNS]
                    print(f"| {name} | {width} | {memory} | {group} | " + " | ".join(cells) + " |", flush=True)
    print()
    for design in DESIGNS[1:]:
        print(f"- {design}: the memory can do {legal[design]} of these; {less[design]} need less than the optimum, "
              f"{less_than_relayed[design]} than the relayed one")


main()
