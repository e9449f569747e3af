// The bytes of a trace, gzip'ed or not, read piece by piece: traces reach hundreds of megabytes, gzip'ed ones expand
// tenfold.
#pragma once
#include <array>
#include <filesystem>
#include <memory>
#include <streambuf>
#include <string>

#include "pare/io/source.h"

namespace pare::trace {

/// Of a file, and of what it expands to.
inline constexpr std::size_t most_file_bytes = std::size_t{1} << 30, most_expanded_bytes = std::size_t{1} << 33;
/// Of one piece: a text, a number, the space between two, a message.
inline constexpr std::size_t most_piece_bytes = std::size_t{1} << 24;

/// Throws Error when the file is damaged or goes beyond a limit; never says more than that it ends.
class Stream final : public std::streambuf {
 public:
  /// `bytes` must outlive it.
  Stream(std::string_view bytes, std::string where);

  /// A piece has ended: the next one may again have most_piece_bytes.
  void piece_ends() { piece_ = 0; }

  /// The first bytes, as many as fit a block. To be asked before anything is read.
  std::string_view start();

  const std::string& where() const { return where_; }

 protected:
  int_type underflow() override;

 private:
  std::string where_;
  std::unique_ptr<io::Source> source_;
  std::array<char, 1 << 16> block_;
  std::size_t expanded_ = 0, piece_ = 0;
};

}  // namespace pare::trace
