"""check_svg.py PAGE DRAWINGS: the page is well-formed XML, holds that many drawings, and every figure in an attribute
is finite and within reason. What is wrong is printed; exit code 1."""
import math
import re
import sys
import xml.etree.ElementTree as tree

NUMERIC = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"}
SVG = "{http://www.w3.org/2000/svg}"


def problems(path, drawings):
    root = tree.parse(path).getroot()
    found = list(root.iter(SVG + "svg"))
    if len(found) != drawings:
        yield f"{len(found)} drawings instead of {drawings}"
    for element in root.iter():
        if element.tag.split("}")[-1] == "script":
            yield "a script"
    for svg in found:
        if [child.tag for child in svg][:2] != [SVG + "title", SVG + "desc"]:
            yield "a drawing without title and description"
        for element in svg.iter():
            for name, value in element.attrib.items():
                if name in NUMERIC:
                    figures = [value]
                elif name == "viewBox":
                    figures = value.split()
                elif name == "d":
                    figures = re.split(r"[MLZ ]+", value.strip("MLZ"))
                else:
                    continue
                for figure in figures:
                    try:
                        number = float(figure)
                    except ValueError:
                        yield f'{element.tag} {name}="{value}"'
                        break
                    if not math.isfinite(number) or abs(number) > 1e5:
                        yield f'{element.tag} {name}="{value}"'
                        break
            if "width" in element.attrib and float(element.attrib["width"]) < 0:
                yield f"a negative width of {element.tag}"


wrong = list(problems(sys.argv[1], int(sys.argv[2])))
print("\n".join(wrong[:20]), end="\n" if wrong else "")
sys.exit(bool(wrong))
