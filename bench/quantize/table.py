"""Studies of `pare quantize` as Markdown tables: table.py STUDY.json..."""

import json
import sys

for path in sys.argv[1:]:
    study = json.load(open(path))
    conditions = study["conditions"]
    print(f"\n**{study['workload']['name']}**, {conditions['test_samples']} test images, "
          f"{conditions['calibration_samples']} + {conditions['selection_samples']} training images\n")
    print("| candidate | top-1 (95 %) | against float32 (paired) | against the best single format | weight bytes | bits W / A | mse | divergence | chosen rule |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = {c["name"]: c for c in study["candidates"]}
    singles = [c for c in rows.values() if c["decision"]["method"] in ("int", "float", "pot", "flint")]
    for name, row in rows.items():
        cost = {k: v["value"] for k, v in row["costs"].items()}
        pairs = {p["against"]: p for p in row["details"].get("paired", [])}
        beside = [c for c in singles if c["decision"]["bits"] == row["decision"]["bits"] and c["name"] in pairs]
        best = max(beside, key=lambda c: c["costs"]["top1"]["value"], default=None)

        def pair(other):
            return f"{pairs[other]['points']:+.2f} ± {pairs[other]['interval']:.2f}" if other in pairs else ""

        against = f"{pair(best['name'])} ({best['name']})" if best else ""
        decision = row["decision"]
        rule = f"{decision['rule']}, {decision['window']}, {decision['correction']}" if "rule" in decision else ""
        if "wide_layers" in decision:
            rule += f"; {len(decision['wide_layers'])} layers at 8 bits"
        print(f"| {name} | {cost['top1']:.2f} ± {row['costs']['top1']['spread']:.2f} | {pair('float32')} | {against} | "
              f"{cost['weight_bytes']:.0f} | {cost.get('weight_bits', 32):.2f} / {cost.get('activation_bits', 32):.2f} | "
              f"{cost.get('mse', 0):.5f} | {cost.get('divergence', 0):.4f} | {rule} |")
