#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/graph/graph.h"
#include "pare/graph/parse.h"
#include "pare/io/source.h"

namespace pare::graph {
namespace {

/// Text of a graph with 2^31 edges is larger than what read_file takes by itself.
constexpr std::size_t most_bytes = std::size_t{1} << 37;

std::string unpack(std::string_view bytes, const std::string& where) {
  const auto source = io::open_source(bytes, io::Coding::gzip, where);
  std::string out;
  constexpr std::size_t step = std::size_t{1} << 22;
  for (std::size_t got = step; got == step;) {
    const std::size_t before = out.size();
    if (before > most_bytes) throw Error(fmt::format("expands to more than {} bytes", most_bytes), where);
    out.resize(before + step);
    got = source->read(out.data() + before, step);
    out.resize(before + got);
  }
  return out;
}

}  // namespace

void check_vertices(std::uint64_t vertices, std::uint64_t file_bytes, const std::string& where) {
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  if (vertices > most)
    throw Error(fmt::format("has {} vertices, pare numbers at most {}", vertices, most), where,
                "split the graph, or renumber the vertices that have edges from 0");
  constexpr std::uint64_t free = std::uint64_t{1} << 20, a_byte = 64;
  if (vertices > free && (vertices - free) / a_byte > file_bytes)
    throw Error(fmt::format("has {} vertices in {} bytes, so nearly none has an edge", vertices, file_bytes), where,
                "renumber the vertices that have edges from 0");
}

void check_memory(std::uint64_t entries, const std::string& where) {
  // entries as they are read, grouped by column and grouped by row: 12, 8 and 8 bytes
  constexpr std::uint64_t bytes_each = 28;
  const auto memory =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (entries > memory / bytes_each)
    throw Error(fmt::format("has {} nonzeros, which do not fit into the {:.1f} GiB of this machine", entries,
                            static_cast<double>(memory) / 0x1p30),
                where, "use a machine with more memory");
}

Graph read_graph(const std::filesystem::path& path) {
  const std::string where = path.string();
  std::string bytes = read_file(path, most_bytes);
  std::filesystem::path name = path.filename();
  std::string hash = content_hash(bytes);
  if (name.extension() == ".gz") {
    bytes = unpack(bytes, where);
    name.replace_extension();
  }
  const std::string ending = name.extension().string();
  Graph graph = ending == ".npz"                                                  ? parse_npz(bytes, where)
                : ending == ".mtx" || bytes.compare(0, 14, "%%MatrixMarket") == 0 ? parse_matrix_market(bytes, where)
                                                                                  : parse_edges(bytes, where);
  graph.name = name.stem().string();
  graph.hash = std::move(hash);
  return graph;
}

}  // namespace pare::graph
