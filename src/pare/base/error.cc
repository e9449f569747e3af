#include "pare/base/error.h"

#include <utility>

namespace pare {

Error::Error(std::string what, std::string where, std::string mend)
    : what_(std::move(what)), where_(std::move(where)), mend_(std::move(mend)) {
  line_ = where_.empty() ? what_ : where_ + ": " + what_;
  if (!mend_.empty()) line_ += " (" + mend_ + ")";
}

std::string printable(const std::string& text, std::size_t longest) {
  std::string out;
  for (unsigned char c : text) {
    if (out.size() == longest) return out + "...";
    out += c < 0x20 || c == 0x7f ? '?' : static_cast<char>(c);
  }
  return out;
}

}  // namespace pare
