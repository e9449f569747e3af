// Verilog 2005 as text, one module at a time, every width explicit, so that Verilator, Icarus and Yosys agree on it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pare::rtl {

/// A vector of bits and how it reads as a number: a name in the module, or a number.
struct Signal {
  std::string name;
  int width = 1;  // bits, at least 1
  bool is_signed = false;
  std::optional<std::int64_t> value = {};  // of a literal
};

/// Bits that count from 0 to count - 1; at least 1.
int index_bits(std::int64_t count);
/// The low `width` bits of a number's two's complement: 8'hc8.
std::string literal(std::int64_t value, int width);
/// `[7:0] `, or nothing for one bit.
std::string vector(int width);
/// A Verilog identifier out of any text: what it does not allow becomes '_'.
std::string identifier(const std::string& text);

/// Ports, then a body of lines. Bits of a watched signal that nothing reads end in a wire named `unused`, which is how
/// Verilator is told that they are meant to be.
class Module {
 public:
  Module(std::string name, std::string purpose) : name_(std::move(name)), purpose_(std::move(purpose)) {}
  const std::string& name() const { return name_; }

  void attribute(const std::string& text) { attribute_ = text; }
  void parameter(const std::string& name, int width, std::int64_t value);
  Signal input(const std::string& name, int width = 1);
  Signal output(const std::string& name, int width = 1);
  Signal output_reg(const std::string& name, int width = 1);
  Signal wire(const std::string& name, int width, const std::string& value = {});
  Signal reg(const std::string& name, int width);
  /// From now on it is known which of its bits are read by what follows.
  const Signal& watch(const Signal& signal);

  void line(const std::string& text = {});
  /// `case (what)`, one assignment to `to` a choice; the last is the default.
  void choose(const Signal& to, const std::string& what, int width,
              const std::vector<std::pair<std::int64_t, std::string>>& choices, const std::string& otherwise);
  using Connections = std::vector<std::pair<std::string, std::string>>;
  void instance(const std::string& module, const std::string& name, const Connections& ports,
                const std::string& parameters = {});

  std::string all(const Signal& signal);
  std::string bits(const Signal& signal, int high, int low);
  /// The same number in `width` bits: extended by its own sign, or its low bits.
  std::string resized(const Signal& signal, int width);

  std::string text() const;

 private:
  void declare_port(const std::string& kind, const std::string& name, int width);

  std::string name_, purpose_, attribute_;
  std::vector<std::string> parameters_, ports_, body_;
  std::vector<std::pair<std::string, std::vector<bool>>> watched_;
  std::map<std::string, std::size_t> index_;  // of a name in watched_
};

}  // namespace pare::rtl
