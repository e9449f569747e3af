#include "pare/draw/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/draw/canvas.h"
#include "pare/draw/text.h"

namespace pare::draw {
namespace {

// Series colours have a contrast of at least 4.5 with the page in both schemes, text of at least 7, muted text of 4.5
// (WCAG 2.2; tests/report computes them). No '<', '>' or '&' in here: the page is XML too.
constexpr const char* style_sheet = R"css(
:root { color-scheme: light dark;
  --page: #fcfcfb; --panel: #f3f4f4; --ink: #1b1e22; --muted: #5a626b; --line: #c9ced3; --grid: #e4e7e9;
  --s1: #0064a4; --s2: #b84a00; --s3: #00745a; --s4: #9b3a86; --s5: #7d5a00; --s6: #55606b; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171a; --panel: #1d2125; --ink: #e7e9eb; --muted: #a3abb3; --line: #454c54; --grid: #2a2f34;
  --s1: #62b5f0; --s2: #f0905a; --s3: #45c79e; --s4: #e094c8; --s5: #dcb548; --s6: #aab5bf; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; }
main { max-width: 928px; margin: 0 auto; padding: 56px 24px 96px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 64px 0 12px; padding-top: 14px; border-top: 1px solid var(--line);
  letter-spacing: -0.01em; }
h3 { font-size: 1.03rem; margin: 34px 0 8px; overflow-wrap: anywhere; }
p { margin: 0 0 14px; max-width: 70ch; overflow-wrap: anywhere; }
.lead { font-size: 1.13rem; line-height: 1.6; max-width: 62ch; }
.muted, figcaption small, .subtitle { color: var(--muted); }
.subtitle { margin: 0 0 30px; }
small { font-size: 0.82em; color: var(--muted); font-weight: 400; }
a { color: var(--s1); text-underline-offset: 0.2em; }
nav { margin: 0 0 8px; line-height: 1.9; }
nav a { margin-right: 1.1em; white-space: nowrap; }
figure { margin: 22px 0 30px; }
figcaption { font-weight: 600; margin-bottom: 10px; overflow-wrap: anywhere; }
figure p { font-size: 0.9rem; color: var(--muted); margin: 8px 0 0; }
figure svg { display: block; width: 100%; height: auto; }
.narrow { display: none; max-width: 560px; }
.grid { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 8px 40px; }
.grid figure { margin: 14px 0; min-width: 0; }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 22px 32px;
  margin: 28px 0 34px; }
.key div { border-left: 3px solid var(--s1); padding-left: 14px; }
.key dt { color: var(--muted); font-size: 0.9rem; }
.key div { min-width: 0; overflow-wrap: anywhere; }
.key dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.key small { display: block; font-size: 0.87rem; line-height: 1.4; }
.list { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: 3px 22px;
  margin: 10px 0 18px; font-size: 0.93rem; }
.list dt { color: var(--muted); overflow-wrap: anywhere; }
.list dd { margin: 0; overflow-wrap: anywhere; }
details { margin: 14px 0; }
summary { cursor: pointer; padding: 4px 0; color: var(--s1); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 14px 0 20px; }
table { border-collapse: collapse; font-size: 0.9rem; min-width: 100%; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; padding: 7px 12px; border-bottom: 1px solid var(--grid); vertical-align: baseline;
  white-space: nowrap; font-weight: 400; }
thead th { border-bottom: 1px solid var(--line); font-weight: 600; vertical-align: bottom; line-height: 1.35; }
thead small { display: block; }
tr th:first-child { position: sticky; left: 0; background: var(--page); padding-left: 0; }
.number { text-align: right; }
.marked td, .marked th { background: var(--panel); }
tr.marked th:first-child { background: var(--panel); box-shadow: inset 3px 0 0 var(--s1); padding-left: 12px; }
.meter { display: block; height: 3px; width: 64px; margin: 2px 0 0 auto; background: var(--grid); }
.meter span { display: block; height: 3px; background: var(--s1); }
.strip { display: flex; flex-wrap: wrap; gap: 4px; margin: 10px 0 16px; padding: 0; list-style: none; }
.strip li { min-width: 30px; padding: 1px 4px 2px; text-align: center; font-size: 0.78rem; line-height: 1.3;
  background: var(--panel); border-top: 4px solid var(--c); font-variant-numeric: tabular-nums; }
.strip b { display: block; font-size: 0.88rem; color: var(--c); }
.s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s7 { --c: var(--ink); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); }
svg text { font-size: 12.5px; font-family: inherit; font-variant-numeric: tabular-nums; }
.ink { fill: var(--ink); } text.muted { fill: var(--muted); } .strong { font-weight: 600; }
.halo { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
.gridline { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--muted); stroke-width: 1; }
.leader { stroke: var(--muted); stroke-width: 0.8; }
.mark { fill: var(--c); stroke: var(--page); stroke-width: 1.2; }
.hollow { fill: var(--page); stroke: var(--c); stroke-width: 1.8; }
.ring { fill: none; stroke: var(--ink); stroke-width: 1.6; }
.front { fill: none; stroke: var(--muted); stroke-width: 1.4; stroke-dasharray: 5 4; }
.series { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.series.s2 { stroke-dasharray: 7 3; } .series.s3 { stroke-dasharray: 2 3; } .series.s4 { stroke-dasharray: 9 3 2 3; }
.series.s5 { stroke-dasharray: 4 4; } .series.s6 { stroke-dasharray: 12 4; }
.interval { stroke: var(--c); stroke-width: 1.3; }
.faint { stroke-opacity: 0.5; }
.rule { stroke: var(--ink); stroke-width: 1.3; stroke-dasharray: 1 3; }
.bar { fill: var(--c); }
.area { fill: var(--c); fill-opacity: 0.28; stroke: var(--c); stroke-width: 1.2; }
.code { stroke: var(--s2); stroke-width: 1.3; } .code.thin { stroke-width: 0.7; }
.clipped, .idle { fill: var(--grid); }
.segment { stroke: var(--page); stroke-width: 0.5; } .inside { fill: var(--page); }
@media (max-width: 700px) {
  main { padding: 32px 20px 64px; }
  h1 { font-size: 1.6rem; } h2 { margin-top: 48px; }
  .wide { display: none !important; } .narrow { display: block !important; }
  .grid { grid-template-columns: minmax(0, 1fr); }
  .key { grid-template-columns: 1fr 1fr; gap: 20px 16px; }
  .key dd { font-size: 1.3rem; }
  .list { grid-template-columns: minmax(0, 1fr); gap: 0; } .list dd { margin-bottom: 8px; }
  th, td { padding: 6px 9px; }
}
@media print { details { display: block; } .scroll { overflow: visible; } }
)css";

std::string with_class(std::string svg, const char* name) {
  return svg.insert(sizeof("<svg") - 1, fmt::format(" class=\"{}\"", name));
}

}  // namespace

std::string page(const std::string& title, const std::string& subtitle, const std::vector<PageSection>& sections) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"generator\" content=\"pare\"/>\n<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<main>\n"
      "<h1>{0}</h1>\n",
      escape(title), style_sheet);
  if (!subtitle.empty()) out += fmt::format("<p class=\"subtitle\">{}</p>\n", escape(subtitle));
  const auto links = std::ranges::count_if(sections, [](const PageSection& s) { return !s.title.empty(); });
  // the first section is what people came for; the way to the others stands below it
  bool linked = links < 3;
  for (const PageSection& section : sections) {
    out += fmt::format("<section id=\"{}\">\n", escape(section.id));
    if (!section.title.empty()) out += fmt::format("<h2>{}</h2>\n", escape(section.title));
    out += section.html + "</section>\n";
    if (!linked) {
      linked = true;
      out += "<nav aria-label=\"Sections\"><p class=\"muted\">";
      for (const PageSection& s : sections)
        if (!s.title.empty()) out += fmt::format("<a href=\"#{}\">{}</a> ", escape(s.id), escape(s.title));
      out += "</p></nav>\n";
    }
  }
  return out + "</main>\n</body>\n</html>\n";
}

std::string paragraph(const std::string& text, Tone tone) {
  static constexpr const char* classes[] = {"", " class=\"muted\"", " class=\"lead\""};
  return fmt::format("<p{}>{}</p>\n", classes[static_cast<int>(tone)], escape(text));
}

std::string heading(const std::string& text) { return fmt::format("<h3>{}</h3>\n", escape(text)); }

std::string details(const std::string& summary, const std::string& html) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape(summary), html);
}

std::string grid(const std::vector<std::string>& html) {
  std::string out = "<div class=\"grid\">\n";
  for (const auto& cell : html) out += cell;
  return out + "</div>\n";
}

std::string key_figures(const std::vector<KeyFigure>& figures) {
  std::string out = "<dl class=\"key\">\n";
  for (const auto& f : figures) {
    out += fmt::format("<div><dt>{}</dt><dd>{}", escape(f.name), escape(f.value));
    if (!f.note.empty()) out += fmt::format("<small>{}</small>", escape(f.note));
    out += "</dd></div>\n";
  }
  return figures.empty() ? "" : out + "</dl>\n";
}

std::string definitions(const std::vector<std::pair<std::string, std::string>>& list) {
  std::string out = "<dl class=\"list\">\n";
  for (const auto& [name, value] : list) out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value));
  return list.empty() ? "" : out + "</dl>\n";
}

std::string strip(const std::vector<StripCell>& cells) {
  std::string out = "<ul class=\"strip\">\n";
  for (const auto& cell : cells)
    out += fmt::format("<li class=\"{}\" title=\"{}\"><b>{}</b>{}</li>\n", series_class(cell.style), escape(cell.note),
                       escape(shorten(cell.letter, 8)), escape(shorten(cell.text, 8)));
  return cells.empty() ? "" : out + "</ul>\n";
}

std::string figure(const std::string& caption, const std::string& note,
                   const std::function<std::string(double width)>& draw, double wide, double narrow) {
  std::string out = "<figure>\n";
  if (!caption.empty()) out += fmt::format("<figcaption>{}</figcaption>\n", escape(caption));
  out += with_class(draw(wide), "wide") + with_class(draw(narrow), "narrow");
  if (!note.empty()) out += paragraph(note);
  return out + "</figure>\n";
}

std::string small_figure(const std::string& caption, const std::string& note,
                         const std::function<std::string(double width)>& draw) {
  return figure(caption, note, draw, 420, 350);
}

}  // namespace pare::draw
