#include "pare/trace/stream.h"

#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/base/progress.h"

namespace pare::trace {

Stream::Stream(std::string_view bytes, std::string where) : where_(std::move(where)) {
  const auto coding = bytes.starts_with("\x1f\x8b") ? io::Coding::gzip : io::Coding::stored;
  source_ = io::open_source(bytes, coding, where_);
}

std::string_view Stream::start() {
  underflow();
  return {gptr(), static_cast<std::size_t>(egptr() - gptr())};
}

Stream::int_type Stream::underflow() {
  if (gptr() == egptr()) {
    stop_if_interrupted();
    const std::size_t got = source_->read(block_.data(), block_.size());
    expanded_ += got;
    piece_ += got;
    if (expanded_ > most_expanded_bytes)
      throw Error(fmt::format("expands to more than the limit of {} bytes", most_expanded_bytes), where_,
                  "record fewer steps");
    if (piece_ > most_piece_bytes)
      throw Error(fmt::format("has one text or message of more than {} bytes", most_piece_bytes), where_,
                  "it is no trace, or a damaged one");
    setg(block_.data(), block_.data(), block_.data() + got);
    if (got == 0) return traits_type::eof();
  }
  return traits_type::to_int_type(*gptr());
}

}  // namespace pare::trace
