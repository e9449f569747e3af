// A config.json as Hugging Face's transformers write it.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

namespace pare::cluster {

class Config {
 public:
  /// Throws Error, naming `where`, unless the text is a JSON object.
  Config(const std::string& text, const std::string& where);

  /// The first of the names that is there, a whole number from 1 to 2^24. Without any: `otherwise`, or Error.
  std::int64_t integer(std::initializer_list<const char*> names, std::int64_t otherwise = -1) const;
  bool boolean(const char* name, bool otherwise) const;
  /// Whether one of the probabilities is above 0; `otherwise` where none is there.
  bool likely(std::initializer_list<const char*> names, bool otherwise) const;
  /// Empty where there is none.
  std::string text(const char* name) const;
  /// How many entries an object has; 0 without it.
  std::int64_t entries(const char* name) const;
  const std::string& where() const { return where_; }

 private:
  nlohmann::json values_;
  std::string where_;
};

}  // namespace pare::cluster
