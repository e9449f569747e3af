"""page_test.py PROGRAM: PROGRAM FOLDER writes the sample pages; an XML parser and, where it is installed,
chromium-headless-shell look at them. The figures expected here are typed from the sample's data, not read from pare."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as tree

BROWSER = shutil.which("chromium-headless-shell")
PAGES = ["sample", "hostile", "other", "empty"]
HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"

# Appended to a copy of the page: what a reader would see as wrong, written where --dump-dom shows it.
PROBE = """<script>
const wrong = [];
const root = document.documentElement;
if (root.scrollWidth > innerWidth) wrong.push(`page ${root.scrollWidth} wide in ${innerWidth}`);
for (const svg of document.querySelectorAll('svg')) {
  const frame = svg.getBoundingClientRect();
  if (frame.width === 0) continue;
  const name = svg.querySelector('title').textContent.slice(0, 40);
  const texts = [...svg.querySelectorAll('text')].map(t => [t.getBoundingClientRect(), t.textContent]);
  texts.forEach(([a, text], i) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 2 || a.bottom > frame.bottom + 1)
      wrong.push(`${name}: "${text}" is clipped`);
    for (const [b, other] of texts.slice(0, i))
      if (a.left + 1 < b.right && b.left + 1 < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom)
        wrong.push(`${name}: "${text}" covers "${other}"`);
  });
}
const shown = [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width > 0).length;
document.body.innerHTML = '';
document.body.setAttribute('data-shown', shown);
document.body.setAttribute('data-wrong', JSON.stringify(wrong.slice(0, 20)));
</script></body>"""


def text_of(page):
    # spaces that do not break are spaces
    return " ".join("".join(page.itertext()).replace("\u00a0", " ").split())


def luminance(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pare_report_"))
        subprocess.run([PROGRAM, str(cls.folder)], check=True)
        cls.source = {name: (cls.folder / f"{name}.html").read_text() for name in PAGES}
        cls.pages = {name: tree.fromstring(source) for name, source in cls.source.items()}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_needs_nothing_from_outside(self):
        for name, page in self.pages.items():
            seen = set()
            for element in page.iter():
                self.assertNotIn(element.tag.split("}")[-1], {"script", "link", "img", "iframe", "object"}, name)
                for key, value in element.attrib.items():
                    self.assertFalse(key.startswith("on"), f"{name}: {key}")
                    if key in ("href", "src"):
                        self.assertTrue(value.startswith("#"), value)
                    if key == "id":
                        self.assertNotIn(value, seen, name)
                        seen.add(value)
            for element in page.iter(HTML + "a"):
                self.assertIn(element.attrib["href"][1:], seen, name)
            self.assertNotIn("url(", self.source[name])
            self.assertNotIn("@import", self.source[name])

    def test_no_figure_in_a_drawing_is_none(self):
        for name, page in self.pages.items():
            for svg in page.iter(SVG + "svg"):
                for element in svg.iter():
                    for key, value in element.attrib.items():
                        if key != "class":
                            self.assertIsNone(re.search(r"nan|inf", value), f"{name}: {key}={value}")

    def test_says_what_was_gained_and_lost(self):
        page = self.pages["sample"]
        lead = text_of(next(p for p in page.iter(HTML + "p") if p.get("class") == "lead"))
        self.assertIn("tried 23 candidates for the network resnet20-sample and chose mixed4.6 over float32", lead)
        self.assertIn("91.72 % instead of 92.60 % (0.88 points lower", lead)
        before, after = 272_474 * 4, 272_474 * 4.6 / 8 + 6_900
        self.assertIn(f"{after / 1e3:.0f} kB instead of {before / 1e6:.2f} MB ({before / after:.2f} times smaller)",
                      lead)

    def test_tables_hold_every_candidate(self):
        studies = json.loads((self.folder / "sample.json").read_text())["studies"]
        table = next(t for t in self.pages["sample"].iter(HTML + "table")
                     if text_of(t.find(HTML + "caption")) == "Candidates of quantize of resnet20-sample")
        rows = {text_of(row[0]).split()[0]: text_of(row) for row in table.iter(HTML + "tr")}
        for candidate in studies[0]["candidates"]:
            accuracy = candidate["costs"]["top1"]
            self.assertIn(f'{accuracy["value"]:.2f} % ± {accuracy["spread"]:.2f} %', rows[candidate["name"]])
        self.assertIn("chosen", rows["mixed4.6"])
        self.assertIn("baseline", rows["float32"])
        for word in ("measured", "counted", "estimated", "simulated"):
            self.assertIn(word, text_of(self.pages["sample"]).lower())

    def test_distributions_show_every_code_point(self):
        drawn = {}
        for svg in self.pages["sample"].iter(SVG + "svg"):
            title = svg.find(SVG + "title").text
            if title.startswith("Distribution of "):
                drawn[title] = sum(1 for line in svg.iter(SVG + "line") if line.get("class") == "code")
        self.assertEqual(sorted(drawn.values()), [15, 15, 15, 16])

    def test_empty_studies_say_so(self):
        self.assertIn("There are no studies to draw.", text_of(self.pages["empty"]))
        self.assertIn("This study has no candidates.", text_of(self.pages["other"]))

    def test_contrast(self):
        style = next(self.pages["sample"].iter(HTML + "style")).text
        light, dark = style.split("@media (prefers-color-scheme: dark)")
        for scheme in (light, dark.split("}")[0]):
            colour = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", scheme))
            self.assertEqual(len(colour), 12, colour)
            for ground in ("page", "panel"):
                self.assertGreaterEqual(contrast(colour["ink"], colour[ground]), 7)
                self.assertGreaterEqual(contrast(colour["muted"], colour[ground]), 4.5)
                for series in ("s1", "s2", "s3", "s4", "s5", "s6"):
                    self.assertGreaterEqual(contrast(colour[series], colour[ground]), 4.5, series)

    @unittest.skipUnless(BROWSER, "chromium-headless-shell is not installed")
    def test_in_a_browser_nothing_overflows_or_covers(self):
        for name in PAGES:
            copy = self.folder / f"{name}_probe.html"
            # everything that is folded away is looked at too
            source = self.source[name].replace("<details>", "<details open=\"\">")
            copy.write_text(source.replace("</body>", PROBE))
            for width in (320, 390, 700, 701, 1200):
                dom = subprocess.run([BROWSER, "--no-sandbox", "--hide-scrollbars", f"--window-size={width},900",
                                      "--dump-dom", copy.as_uri()], check=True, capture_output=True, text=True).stdout
                body = re.search(r'<body data-shown="(\d+)" data-wrong="(.*?)">', dom, re.S)
                self.assertIsNotNone(body, dom[-300:])
                self.assertEqual(body[2].replace("&quot;", '"'), "[]", f"{name} at {width}")
                # of each pair of drawings one is shown
                drawings = sum(1 for _ in self.pages[name].iter(SVG + "svg"))
                self.assertEqual(2 * int(body[1]), drawings, f"{name} at {width}")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
