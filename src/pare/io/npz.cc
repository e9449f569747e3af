// The .npz container: a zip archive of .npy members (PKWARE APPNOTE 6.3.10: sections 4.3 and 4.5.3), stored or
// deflated, with 64-bit fields where numpy writes them.
#include "pare/io/npz.h"

#include <fmt/format.h>

#include <limits>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/npy.h"

namespace pare::io {
namespace {

constexpr std::uint32_t local_magic = 0x04034b50, entry_magic = 0x02014b50, end_magic = 0x06054b50,
                        end64_magic = 0x06064b50, locator_magic = 0x07064b50;
constexpr std::size_t local_bytes = 30, entry_bytes = 46, end_bytes = 22, end64_bytes = 56, locator_bytes = 20;
constexpr std::uint32_t in_64_bits = 0xffffffff;
/// All members of an archive together, expanded.
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 34;

struct Member {
  std::string name;
  int flags = 0, method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0, expanded = 0, offset = 0;
};

struct Directory {
  std::uint64_t offset = 0, bytes = 0, entries = 0;
};

}  // namespace

class Npz::Zip {
 public:
  Zip(std::string_view bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {
    std::uint64_t packed = 0, expanded = 0;
    for (Member& member : read_members()) {
      packed += member.packed;  // neither sum can wrap: check() has bounded each part by the size of the file
      expanded += member.expanded;
      if (packed > bytes_.size()) fail("has members that overlap");
      if (expanded > most_bytes) fail(fmt::format("expands to more than the limit of {} bytes", most_bytes));
      const std::string name = member.name.substr(0, member.name.size() - 4);
      if (!members_.emplace(name, std::move(member)).second) fail(fmt::format("has two members '{}'", printable(name)));
    }
  }

  const std::map<std::string, Member>& members() const { return members_; }

  Array array(const Member& member) const {
    const std::string where = fmt::format("{}, array '{}'", where_, printable(member.name));
    if (load<std::uint32_t>(bytes_, member.offset) != local_magic) damaged();
    // the local extra field differs from the directory's, so the data's place is only known here
    const std::uint64_t start = member.offset + local_bytes + load<std::uint16_t>(bytes_, member.offset + 26) +
                                load<std::uint16_t>(bytes_, member.offset + 28);
    if (!inside(start, member.packed)) damaged();
    const auto source =
        open_source(bytes_.substr(start, member.packed), member.method == 0 ? Coding::stored : Coding::deflate, where);
    Checked checked(*source);
    Array out = read_npy(checked, member.expanded, where);
    char more;
    if (source->read(&more, 1) != 0) throw Error("expands to more bytes than it declares", where);
    if (checked.crc != member.crc) throw Error("its checksum is wrong", where, "copy or download the file again");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& mend = "copy or download the file again") const {
    throw Error(what, where_, mend);
  }
  [[noreturn]] void damaged() const { fail("its zip directory is damaged or cut off"); }

  /// `count` bytes from `offset` lie inside the file.
  bool inside(std::uint64_t offset, std::uint64_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }

  Directory directory() const {
    if (bytes_.size() < 4 ||
        (load<std::uint32_t>(bytes_, 0) != local_magic && load<std::uint32_t>(bytes_, 0) != end_magic))
      fail("is no .npz archive (its first bytes are others)", "save it with numpy.savez");
    if (bytes_.size() < end_bytes) damaged();
    // the end record is followed by a comment of up to 65535 bytes
    const std::size_t last = bytes_.size() - end_bytes, first = last > 0xffff ? last - 0xffff : 0;
    for (std::size_t at = last + 1; at-- > first;) {
      if (load<std::uint32_t>(bytes_, at) != end_magic ||
          at + end_bytes + load<std::uint16_t>(bytes_, at + 20) != bytes_.size())
        continue;
      Directory out{.offset = load<std::uint32_t>(bytes_, at + 16),
                    .bytes = load<std::uint32_t>(bytes_, at + 12),
                    .entries = load<std::uint16_t>(bytes_, at + 10)};
      if (out.offset == in_64_bits || out.bytes == in_64_bits || out.entries == 0xffff) {
        if (at < locator_bytes || load<std::uint32_t>(bytes_, at - locator_bytes) != locator_magic) damaged();
        const auto end64 = load<std::uint64_t>(bytes_, at - locator_bytes + 8);
        if (!inside(end64, end64_bytes) || load<std::uint32_t>(bytes_, end64) != end64_magic) damaged();
        out = {.offset = load<std::uint64_t>(bytes_, end64 + 48),
               .bytes = load<std::uint64_t>(bytes_, end64 + 40),
               .entries = load<std::uint64_t>(bytes_, end64 + 32)};
      }
      if (!inside(out.offset, out.bytes) || out.entries > out.bytes / entry_bytes) damaged();
      return out;
    }
    damaged();
  }

  std::vector<Member> read_members() const {
    const Directory all = directory();
    std::vector<Member> out;
    std::uint64_t at = all.offset;
    const std::uint64_t end = all.offset + all.bytes;
    for (std::uint64_t i = 0; i < all.entries; ++i) {
      if (end - at < entry_bytes || load<std::uint32_t>(bytes_, at) != entry_magic) damaged();
      const std::uint64_t name = load<std::uint16_t>(bytes_, at + 28), extra = load<std::uint16_t>(bytes_, at + 30),
                          comment = load<std::uint16_t>(bytes_, at + 32);
      if (end - at - entry_bytes < name + extra + comment) damaged();
      Member member{.name = std::string(bytes_.substr(at + entry_bytes, name)),
                    .flags = load<std::uint16_t>(bytes_, at + 8),
                    .method = load<std::uint16_t>(bytes_, at + 10),
                    .crc = load<std::uint32_t>(bytes_, at + 16),
                    .packed = load<std::uint32_t>(bytes_, at + 20),
                    .expanded = load<std::uint32_t>(bytes_, at + 24),
                    .offset = load<std::uint32_t>(bytes_, at + 42)};
      read_extra(member, bytes_.substr(at + entry_bytes + name, extra));
      check(member);
      at += entry_bytes + name + extra + comment;
      out.push_back(std::move(member));
    }
    return out;
  }

  /// Fields that are full in 32 bits stand, in this order, in the extra field numbered 1.
  void read_extra(Member& member, std::string_view extra) const {
    while (extra.size() >= 4) {
      const auto id = load<std::uint16_t>(extra, 0);
      std::size_t left = load<std::uint16_t>(extra, 2);
      extra.remove_prefix(4);
      if (left > extra.size()) damaged();
      std::size_t at = 0;
      if (id == 1)
        for (std::uint64_t* field : {&member.expanded, &member.packed, &member.offset}) {
          if (*field != in_64_bits) continue;
          if (left - at < 8) damaged();
          *field = load<std::uint64_t>(extra, at);
          at += 8;
        }
      extra.remove_prefix(left);
    }
  }

  void check(const Member& member) const {
    const std::string shown = printable(member.name);
    if (!member.name.ends_with(".npy"))
      fail(fmt::format("holds '{}', which is no .npy array", shown), "save arrays with numpy.savez");
    if (member.flags & 1) fail(fmt::format("its member '{}' is encrypted", shown), "save it without a password");
    if (member.method != 0 && member.method != 8)
      fail(fmt::format("its member '{}' is packed by method {}, pare knows stored and deflate", shown, member.method),
           "save it with numpy.savez or numpy.savez_compressed");
    if (!inside(member.offset, local_bytes) || !inside(member.offset, member.packed)) damaged();
    if (member.method == 0 ? member.expanded != member.packed : member.expanded / most_expansion > member.packed)
      fail(fmt::format("its member '{}' declares a size that its packed bytes cannot have", shown));
  }

  /// Takes the checksum of what passes through.
  struct Checked final : Source {
    explicit Checked(Source& from) : source(from) {}
    std::size_t read(char* out, std::size_t count) override {
      const std::size_t got = source.read(out, count);
      crc = crc32_of({out, got}, crc);
      return got;
    }
    Source& source;
    std::uint32_t crc = 0;
  };

  std::string_view bytes_;
  std::string where_;
  std::map<std::string, Member> members_;
};

namespace {

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) out += static_cast<char>(value & 0xff);
}

}  // namespace

Npz::Npz(std::string_view bytes, const std::string& where) : zip_(std::make_unique<const Zip>(bytes, where)) {}
Npz::Npz(Npz&&) noexcept = default;
Npz::~Npz() = default;

std::vector<std::string> Npz::names() const {
  std::vector<std::string> out;
  for (const auto& [name, member] : zip_->members()) out.push_back(name);
  return out;
}

bool Npz::has(const std::string& name) const { return zip_->members().contains(name); }

Array Npz::array(const std::string& name) const { return zip_->array(zip_->members().at(name)); }

std::map<std::string, Array> parse_npz(std::string_view bytes, const std::string& where) {
  const Npz archive(bytes, where);
  std::map<std::string, Array> out;
  for (const std::string& name : archive.names()) out.emplace(name, archive.array(name));
  return out;
}

std::map<std::string, Array> read_npz(const std::filesystem::path& path) {
  return parse_npz(read_file(path), path.string());
}

std::string to_npz(const std::map<std::string, Array>& arrays) {
  std::string out, directory;
  for (const auto& [name, array] : arrays) {
    const std::string header = npy_header(array), member = name + ".npy";
    const std::uint64_t size = header.size() + array.bytes.size(), offset = out.size();
    if (offset + size >= in_64_bits || arrays.size() >= 0xffff || member.size() > 0xffff)
      throw Error("is too large to be written as one .npz (4 GiB)", name, "write fewer arrays a file");
    const std::uint32_t crc = crc32_of(array.bytes, crc32_of(header));
    std::string common;       // what the local header and the directory's entry share
    put(common, 20, 2);       // version that a reader needs
    put(common, 1 << 11, 2);  // names are UTF-8
    put(common, 0, 2);
    put(common, 0x00210000, 4);  // the first of January 1980, so that equal arrays make equal files
    put(common, crc, 4);
    put(common, size, 4);
    put(common, size, 4);
    put(common, member.size(), 2);
    put(common, 0, 2);
    put(out, local_magic, 4);
    out.append(common).append(member).append(header).append(array.bytes);
    put(directory, entry_magic, 4);
    put(directory, 20, 2);
    directory += common;
    put(directory, 0, 10);  // no comment, disk 0, no attributes
    put(directory, offset, 4);
    directory += member;
  }
  const std::uint64_t start = out.size();
  out += directory;
  put(out, end_magic, 4);
  put(out, 0, 4);
  put(out, arrays.size(), 2);
  put(out, arrays.size(), 2);
  put(out, directory.size(), 4);
  put(out, start, 4);
  put(out, 0, 2);
  return out;
}

void write_npz(const std::filesystem::path& path, const std::map<std::string, Array>& arrays) {
  write_file(path, to_npz(arrays));
}

}  // namespace pare::io
