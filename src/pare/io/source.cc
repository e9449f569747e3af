#include "pare/io/source.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "pare/base/error.h"

namespace pare::io {
namespace {

class Stored final : public Source {
 public:
  explicit Stored(std::string_view bytes) : bytes_(bytes) {}

  std::size_t read(char* out, std::size_t count) override {
    count = std::min(count, bytes_.size());
    if (count > 0) std::memcpy(out, bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
};

class Inflated final : public Source {
 public:
  Inflated(std::string_view bytes, bool gzip, std::string where)
      : bytes_(bytes), gzip_(gzip), where_(std::move(where)) {
    // zlib's conventions: negative for a bare stream, 16 more for a gzip header
    if (inflateInit2(&stream_, gzip ? MAX_WBITS + 16 : -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflated() override { inflateEnd(&stream_); }
  Inflated(const Inflated&) = delete;
  Inflated& operator=(const Inflated&) = delete;

  std::size_t read(char* out, std::size_t count) override {
    std::size_t done = 0;
    while (done < count && !ended_) {
      // zlib counts in 32 bits
      constexpr std::size_t most = std::numeric_limits<uInt>::max();
      const std::size_t in = std::min(bytes_.size(), most), room = std::min(count - done, most);
      // zlib only reads here, but says const only on request
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data()));
      stream_.avail_in = static_cast<uInt>(in);
      stream_.next_out = reinterpret_cast<Bytef*>(out + done);
      stream_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_MEM_ERROR) throw std::bad_alloc();
      const std::size_t used = in - stream_.avail_in, made = room - stream_.avail_out;
      bytes_.remove_prefix(used);
      done += made;
      ended_ = code == Z_STREAM_END;
      if (ended_ && gzip_ && bytes_.starts_with("\x1f\x8b")) {  // a further member (RFC 1952)
        inflateReset(&stream_);
        ended_ = false;
        continue;
      }
      if (ended_ && !bytes_.empty()) throw Error("has bytes after its compressed data", where_, mend);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        throw Error("its compressed data is damaged", where_, mend);
      if (!ended_ && used == 0 && made == 0) throw Error("its compressed data ends too early", where_, mend);
    }
    return done;
  }

 private:
  static constexpr const char* mend = "copy or download the file again";
  std::string_view bytes_;
  bool gzip_;
  std::string where_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> open_source(std::string_view bytes, Coding coding, const std::string& where) {
  if (coding == Coding::stored) return std::make_unique<Stored>(bytes);
  return std::make_unique<Inflated>(bytes, coding == Coding::gzip, where);
}

std::uint32_t crc32_of(std::string_view bytes, std::uint32_t crc) {
  return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace pare::io
