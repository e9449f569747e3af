// A chain in integers as a pipeline's text. Arrays of layer n, from 1: W<n> weights, M<n> multipliers, C<n> offsets,
// R<n> channels that are read, V<n> uneven levels; T<c> what each byte of channel c is.
#include <fmt/format.h>

#include <algorithm>

#include "pare/imaging/network.h"

namespace pare::imaging {
namespace {

constexpr std::size_t line_width = 120;

/// [1, 2, 3], broken into lines.
template <typename Number>
std::string list(const std::vector<Number>& numbers, std::size_t column) {
  std::string out = "[";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string number = fmt::format("{}{}", numbers[i], i + 1 < numbers.size() ? "," : "]");
    if (i > 0 && column + number.size() + 2 > line_width) {
      out += "\n  ";
      column = 2;
    } else if (i > 0) {
      out += " ";
      ++column;
    }
    out += number;
    column += number.size();
  }
  return out;
}

template <typename Number>
std::string array(const std::string& head, const std::vector<Number>& numbers) {
  return head + " = " + list(numbers, head.size() + 4) + "\n";
}

std::string offset(int by) { return by == 0 ? "" : fmt::format(" {} {}", by < 0 ? '-' : '+', std::abs(by)); }

/// Row or column of a window's element: 2 * y + i - 1.
std::string place(char axis, const Layer& layer, char variable, int size, int dilation, int before) {
  std::string out = layer.stride == 1 ? std::string(1, axis) : fmt::format("{} * {}", layer.stride, axis);
  if (size > 1) out += dilation == 1 ? fmt::format(" + {}", variable) : fmt::format(" + {} * {}", dilation, variable);
  return out + offset(-before);
}

std::string type_of(const Range& range, int channels) {
  return name(Type{.is_signed = range.low < 0, .bits = bits_of(range), .fraction = 0, .channels = channels});
}

class LayerText {
 public:
  LayerText(const Layer& layer, const IntegerLayer& integers, const std::string& source, std::size_t number,
            bool is_last)
      : layer_(layer), integers_(integers), source_(source), number_(number), is_last_(is_last) {}

  std::string run() {
    out_ = comment();
    if (layer_.kind == LayerKind::convolution) arrays();
    const std::string head =
        fmt::format("{} {}: {} border {}", is_last_ ? "output" : "stage", layer_.name,
                    type_of(integers_.range, layer_.outputs), layer_.kind == LayerKind::maximum ? "replicate" : "zero");
    if (integers_.passes && layer_.inputs == layer_.outputs)
      return out_ + head + " = " + reduced("max", pixel()) + "\n";
    std::string lets, tuple;
    for (int o = 0; o < layer_.outputs; ++o) tuple += (o > 0 ? ",\n    " : "") + rounded(o, lets);
    if (layer_.outputs > 1) tuple = "(" + tuple + ")";
    return out_ + head + (lets.empty() ? " =\n    " + tuple + "\n" : " {\n" + lets + "    " + tuple + "\n}\n");
  }

 private:
  std::string comment() const {
    const auto [least, most] = std::ranges::minmax(integers_.levels.scales);
    const std::string worth =
        least == most ? fmt::format("{:.6g}", least) : fmt::format("{:.6g} to {:.6g}", least, most);
    return fmt::format("\n# {}, {} x {}, {} channels to {}: 1 is worth {}\n", layer_.node, layer_.height, layer_.width,
                       layer_.inputs, layer_.outputs, worth);
  }

  bool has_parts() const { return integers_.parts > 1; }
  std::string part() const { return has_parts() ? "[p]" : ""; }

  void arrays() {
    const std::string parts = has_parts() ? fmt::format("[{}]", integers_.parts) : "";
    out_ += array(fmt::format("const W{}{}[{}][{}][{}][{}]", number_, parts, layer_.outputs, layer_.taps, layer_.height,
                              layer_.width),
                  integers_.weights);
    out_ += array(fmt::format("const M{}{}[{}]", number_, parts, layer_.outputs), integers_.multipliers);
    out_ += array(fmt::format("const C{}", number_), integers_.offsets);
    if (layer_.grouped)
      out_ += array(fmt::format("const R{}[{}][{}]", number_, layer_.outputs, layer_.taps), layer_.reads);
  }

  /// The source's pixel at the window's element i, j.
  std::string pixel() const {
    return fmt::format("{}({}, {})", source_, place('x', layer_, 'j', layer_.width, layer_.dilation_x, layer_.left),
                       place('y', layer_, 'i', layer_.height, layer_.dilation_y, layer_.top));
  }

  /// Over the window, and over input channels where `taps`.
  std::string reduced(const std::string& by, const std::string& value, bool taps = false) const {
    return fmt::format("{}({}i in 0..{}, j in 0..{}: {})", by, taps ? fmt::format("k in 0..{}, ", layer_.taps - 1) : "",
                       layer_.height - 1, layer_.width - 1, value);
  }

  std::string accumulated(int o) const {
    if (layer_.kind != LayerKind::convolution)
      return reduced(layer_.kind == LayerKind::maximum ? "max" : "sum",
                     fmt::format("{}[{}]", pixel(), layer_.reads[static_cast<std::size_t>(o)]));
    const std::string channel = layer_.grouped ? fmt::format("R{}[{}][k]", number_, o) : "k";
    return reduced("sum", fmt::format("W{}{}[{}][k][i][j] * {}[{}]", number_, part(), o, pixel(), channel), true);
  }

  std::string value(int o) const {
    const auto output = static_cast<std::size_t>(o);
    std::string sum;
    if (layer_.kind == LayerKind::convolution) {
      const std::string product = fmt::format("M{}{}[{}] * {}", number_, part(), o, accumulated(o));
      sum = has_parts() ? fmt::format("sum(p in 0..{}: {})", integers_.parts - 1, product) : product;
      sum += fmt::format(" + C{}[{}]", number_, o);
    } else {
      sum = fmt::format("{} * {} + {}", integers_.multipliers[output], accumulated(o), integers_.offsets[output]);
    }
    const int shift = integers_.shifts[output];
    return shift == 0 ? sum : fmt::format("scale({}, -{})", sum, shift);
  }

  std::string rounded(int o, std::string& lets) {
    const auto output = static_cast<std::size_t>(o);
    std::string v = value(o);
    if (layer_.slope != 1) {
      lets += fmt::format("  let v{} = {};\n", o, v);
      const std::string leak = fmt::format("{} * v{}", integers_.leak, o);
      v = fmt::format("(v{0} < 0 ? {1} : v{0})", o,
                      integers_.leak_shift == 0 ? leak : fmt::format("scale({}, -{})", leak, integers_.leak_shift));
    }
    const double low = integers_.low[output], high = integers_.high[output];
    if (integers_.levels.uneven.empty()) return fmt::format("clamp(round({}), {}, {})", v, low, high);
    // as many steps up as midpoints are passed
    std::vector<std::int64_t> levels;
    for (const std::int64_t level : integers_.levels.uneven)
      if (level >= integers_.range.low && level <= integers_.range.high) levels.push_back(level);
    const std::string name = fmt::format("V{}", number_);
    if (o == 0) out_ += array("const " + name, levels);
    lets += fmt::format("  let r{} = clamp(floor({}, 1), {}, {});\n", o, v, low, high);
    return fmt::format("{0}[0] + sum(n in 1..{1}: ({0}[n] - {0}[n - 1]) * (r{2} >= ({0}[n] + {0}[n - 1]) / 2))", name,
                       levels.size() - 1, o);
  }

  const Layer& layer_;
  const IntegerLayer& integers_;
  const std::string& source_;
  std::size_t number_;
  bool is_last_;
  std::string out_;
};

/// The stage between the image and the first layer, if there is one.
std::string data_stage(const IntegerChain& integers) {
  const int channels = integers.input.channels;
  const std::string type = type_of({integers.levels.low, integers.levels.high}, channels);
  std::string out = "\n# The network's input\n";
  if (!integers.zeros.empty()) {
    const bool one = std::ranges::all_of(integers.zeros, [&](auto z) { return z == integers.zeros[0]; });
    std::string zeros;
    for (const std::int64_t z : integers.zeros) zeros += fmt::format("{}{}", zeros.empty() ? "" : ", ", z);
    return out + fmt::format("stage data: {} = image(x, y) - {}\n", type,
                             one ? fmt::format("{}", integers.zeros[0]) : "(" + zeros + ")");
  }
  std::string tuple;
  for (std::size_t c = 0; c < integers.lookup.size(); ++c) {
    const auto first =
        static_cast<std::size_t>(std::ranges::find(integers.lookup, integers.lookup[c]) - integers.lookup.begin());
    if (first == c) out += array(fmt::format("table T{}", c), integers.lookup[c]);
    tuple += fmt::format("{}T{}[image(x, y)[{}]]", c > 0 ? ", " : "", first, c);
  }
  return out + fmt::format("stage data: {} = ({})\n", type, tuple);
}

}  // namespace

std::string to_text(const Chain& chain, const IntegerChain& integers) {
  std::string out = fmt::format("input image: {}\n", name(integers.input)), source = "image";
  if (!integers.zeros.empty() || !integers.lookup.empty()) {
    out += data_stage(integers);
    source = "data";
  }
  for (std::size_t l = 0; l < chain.layers.size(); ++l) {
    out += LayerText(chain.layers[l], integers.layers[l], source, l + 1, l + 1 == chain.layers.size()).run();
    source = chain.layers[l].name;
  }
  return out;
}

}  // namespace pare::imaging
