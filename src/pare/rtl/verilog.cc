#include "pare/rtl/verilog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cctype>

namespace pare::rtl {

int index_bits(std::int64_t count) {
  return std::max(1,
                  static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 1) - 1))));
}

std::string literal(std::int64_t value, int width) {
  auto bits = static_cast<std::uint64_t>(value);
  if (width > 64 && value < 0) return fmt::format("{{{{{}{{1'b1}}}}, 64'h{:x}}}", width - 64, bits);
  if (width < 64) bits &= (std::uint64_t{1} << width) - 1;
  return width == 1 ? fmt::format("1'b{}", bits) : fmt::format("{}'h{:x}", width, bits);
}

std::string vector(int width) { return width == 1 ? "" : fmt::format("[{}:0] ", width - 1); }

std::string identifier(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) ? "_" + out : out;
}

void Module::parameter(const std::string& name, int width, std::int64_t value) {
  parameters_.push_back(fmt::format("parameter {}{} = {}", vector(width), name, literal(value, width)));
}

void Module::declare_port(const std::string& kind, const std::string& name, int width) {
  ports_.push_back(fmt::format("{} {}{}", kind, vector(width), name));
}

Signal Module::input(const std::string& name, int width) {
  declare_port("input wire", name, width);
  return {name, width};
}

Signal Module::output(const std::string& name, int width) {
  declare_port("output wire", name, width);
  return {name, width};
}

Signal Module::output_reg(const std::string& name, int width) {
  declare_port("output reg", name, width);
  return {name, width};
}

Signal Module::wire(const std::string& name, int width, const std::string& value) {
  line(fmt::format("wire {}{}{};", vector(width), name, value.empty() ? "" : " = " + value));
  return {name, width};
}

Signal Module::reg(const std::string& name, int width) {
  line(fmt::format("reg {}{};", vector(width), name));
  return {name, width};
}

const Signal& Module::watch(const Signal& signal) {
  index_[signal.name] = watched_.size();
  watched_.emplace_back(signal.name, std::vector<bool>(static_cast<std::size_t>(signal.width)));
  return signal;
}

void Module::line(const std::string& text) { body_.push_back(text); }

void Module::choose(const Signal& to, const std::string& what, int width,
                    const std::vector<std::pair<std::int64_t, std::string>>& choices, const std::string& otherwise) {
  line("always @*");
  line(fmt::format("  case ({})", what));
  for (const auto& [value, result] : choices)
    line(fmt::format("    {}: {} = {};", literal(value, width), to.name, result));
  line(fmt::format("    default: {} = {};", to.name, otherwise));
  line("  endcase");
}

void Module::instance(const std::string& module, const std::string& name, const Connections& ports,
                      const std::string& parameters) {
  line(fmt::format("{}{} {} (", module, parameters.empty() ? "" : " #(" + parameters + ")", name));
  for (std::size_t i = 0; i < ports.size(); ++i)
    line(fmt::format("  .{}({}){}", ports[i].first, ports[i].second, i + 1 < ports.size() ? "," : ""));
  line(");");
}

std::string Module::all(const Signal& signal) { return bits(signal, signal.width - 1, 0); }

std::string Module::bits(const Signal& signal, int high, int low) {
  if (signal.value) return literal(*signal.value >> std::min(low, 63), high - low + 1);
  if (const auto found = index_.find(signal.name); found != index_.end()) {
    std::vector<bool>& used = watched_[found->second].second;
    std::fill(used.begin() + low, used.begin() + high + 1, true);
  }
  if (low == 0 && high == signal.width - 1) return signal.name;
  return high == low ? fmt::format("{}[{}]", signal.name, low) : fmt::format("{}[{}:{}]", signal.name, high, low);
}

std::string Module::resized(const Signal& signal, int width) {
  if (signal.value) return literal(*signal.value, width);
  if (width <= signal.width) return bits(signal, width - 1, 0);
  const int more = width - signal.width;
  if (!signal.is_signed) return fmt::format("{{{}, {}}}", literal(0, more), all(signal));
  const std::string sign = bits(signal, signal.width - 1, signal.width - 1);
  if (more == 1) return fmt::format("{{{}, {}}}", sign, all(signal));
  return fmt::format("{{{{{}{{{}}}}}, {}}}", more, sign, all(signal));
}

std::string Module::text() const {
  std::string out = fmt::format("// {}\n", purpose_);
  if (!attribute_.empty()) out += fmt::format("(* {} *)\n", attribute_);
  out += "module " + name_;
  if (!parameters_.empty()) out += fmt::format(" #(\n  {}\n)", fmt::join(parameters_, ",\n  "));
  out += fmt::format(" (\n  {}\n);\n", fmt::join(ports_, ",\n  "));
  for (const std::string& line : body_) out += line.empty() ? "\n" : line[0] == '`' ? line + "\n" : "  " + line + "\n";
  std::vector<std::string> unused;
  for (const auto& [name, used] : watched_)
    for (std::size_t low = 0; low < used.size();) {
      std::size_t end = low;
      while (end < used.size() && !used[end]) ++end;
      if (end > low)
        unused.push_back(end - low == used.size() ? name
                         : end - low == 1         ? fmt::format("{}[{}]", name, low)
                                                  : fmt::format("{}[{}:{}]", name, end - 1, low));
      low = std::max(end, low + 1);
    }
  if (!unused.empty()) out += fmt::format("  wire unused = &{{1'b0, {}}};\n", fmt::join(unused, ", "));
  return out + "endmodule\n";
}

}  // namespace pare::rtl
