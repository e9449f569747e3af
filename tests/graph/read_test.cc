#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "hostile.h"
#include "pare/base/file.h"
#include "pare/graph/graph.h"
#include "pare/graph/parse.h"
#include "pare/io/npz.h"
#include "random_graphs.h"

namespace pare::graph {
namespace {
namespace fs = std::filesystem;
using Arrays = std::map<std::string, io::Array>;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

template <class T>
io::Array array(const std::vector<T>& values, Ints shape = {}) {
  if (shape.empty()) shape = {static_cast<std::int64_t>(values.size())};
  return {std::is_floating_point_v<T> ? 'f' : 'i', static_cast<int>(sizeof(T)), std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}
io::Array text(const std::string& value) { return {'S', static_cast<int>(value.size()), {}, value}; }
io::Array flags(const std::vector<std::uint8_t>& values) {
  return {'b', 1, {static_cast<std::int64_t>(values.size())}, std::string(values.begin(), values.end())};
}

/// A path of four vertices with all that the format knows; `change` damages it.
template <class Change>
Graph npz(const Change& change) {
  Arrays arrays{{"adj_indptr", array(Ints{0, 1, 3, 5, 6})},
                {"adj_indices", array(std::vector<std::int32_t>{1, 0, 2, 1, 3, 2})},
                {"adj_data", array(Floats{1, 1, 1, 1, 1, 1})},
                {"adj_shape", array(Ints{4, 4})},
                {"attr_matrix", array(Floats{1, 2, 3, 4, 5, 6, 7, 8}, {4, 2})},
                {"labels", array(Ints{0, 1, 2, -1})},
                {"train_ids", array(Ints{0})},
                {"val_ids", array(Ints{1})},
                {"test_ids", array(Ints{2})},
                {"graph_ids", array(Ints{0, 0, 0, 0})},
                {"graph_labels", array(Ints{5})},
                {"node_tags", array(Ints{0, 1, 0, 1})}};
  change(arrays);
  return parse_npz(io::to_npz(arrays), "g.npz");
}
template <class Change>
std::string npz_error(const Change& change) {
  return io::error_of([&] { npz(change); });
}
Graph npz_of(const Arrays& arrays) { return parse_npz(io::to_npz(arrays), "g.npz"); }
std::string mtx_error(const std::string& bytes) {
  return io::error_of([&] { parse_matrix_market(bytes, "m.mtx"); });
}
std::string edges_error(const std::string& bytes) {
  return io::error_of([&] { parse_edges(bytes, "e.txt"); });
}
std::string mtx(const std::string& kind, const std::string& rest) {
  return "%%MatrixMarket matrix coordinate " + kind + "\n% a comment\n\n" + rest;
}

TEST(Npz, HoldsAllThatIsKnownOfVertices) {
  const Graph g = npz([](Arrays&) {});
  EXPECT_EQ(g.vertices(), 4);
  EXPECT_TRUE(g.symmetric);
  EXPECT_EQ(g.feature_width, 2);
  EXPECT_EQ(g.dense_features, (Floats{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(g.labels, (std::vector<std::int32_t>{0, 1, 2, -1}));
  EXPECT_EQ(g.classes, 3);
  EXPECT_EQ(g.training, std::vector<std::int32_t>{0});
  EXPECT_EQ(g.graph_classes, 6);
  EXPECT_EQ(g.tag_kinds, 2);
}

TEST(Npz, RefusesWithOneLine) {
  const auto expect = [](const char* line, const auto& change) { EXPECT_EQ(npz_error(change), line); };
  expect("g.npz, array 'adj_indices': its element 1 is 4, outside 0 to 3", [](Arrays& a) {
    a["adj_indices"] = array(Ints{1, 4, 2, 1, 3, 2});
  });
  expect("g.npz, array 'adj_indices': its element 0 is -1, outside 0 to 3", [](Arrays& a) {
    a["adj_indices"] = array(Ints{-1, 0, 2, 1, 3, 2});
  });
  expect("g.npz, array 'adj_indptr': gives row 1 a negative count", [](Arrays& a) {
    a["adj_indptr"] = array(Ints{0, 3, 1, 5, 6});
  });
  expect("g.npz, array 'adj_indptr': ends with 7 where there are 6 indices", [](Arrays& a) {
    a["adj_indptr"] = array(Ints{0, 1, 3, 5, 7});
  });
  expect("g.npz, array 'adj_indptr': begins with 1, not 0", [](Arrays& a) {
    a["adj_indptr"] = array(Ints{1, 1, 3, 5, 6});
  });
  expect("g.npz, array 'adj_indptr': has 4 elements where 4 rows need 5", [](Arrays& a) {
    a["adj_indptr"] = array(Ints{0, 1, 3, 6});
  });
  expect("g.npz, array 'adj_data': has 2 elements where there are 6 indices", [](Arrays& a) {
    a["adj_data"] = array(Floats{1, 1});
  });
  expect("g.npz, array 'adj_data': its element 2 is nan, not finite as a float", [](Arrays& a) {
    a["adj_data"] = array(Floats{1, 1, NAN, 1, 1, 1});
  });
  expect("g.npz, array 'adj_shape': is not two counts of rows and columns", [](Arrays& a) {
    a["adj_shape"] = array(Ints{4, -4});
  });
  expect("g.npz: is a matrix of 4 rows and 5 columns, an adjacency has as many of both", [](Arrays& a) {
    a["adj_shape"] = array(Ints{4, 5});
  });
  expect(
      "g.npz: has 4294967296 vertices, pare numbers at most 2147483647 (split the graph, or renumber the vertices that "
      "have edges from 0)",
      [](Arrays& a) {
        a["adj_shape"] = array(Ints{4, std::int64_t{1} << 32});
      });
  expect("g.npz, array 'attr_matrix': its element 3 is inf, not finite as a float", [](Arrays& a) {
    a["attr_matrix"] = array(Floats{1, 2, 3, INFINITY, 5, 6, 7, 8}, {4, 2});
  });
  expect("g.npz, array 'attr_matrix': does not have the shape [4, width]", [](Arrays& a) {
    a["attr_matrix"] = array(Floats{1, 2, 3, 4}, {2, 2});
  });
  expect("g.npz, array 'labels': its element 1 is -2, outside -1 to 65535", [](Arrays& a) {
    a["labels"] = array(Ints{0, -2, 2, -1});
  });
  expect("g.npz, array 'labels': has 3 elements where 4 are expected", [](Arrays& a) {
    a["labels"] = array(Ints{0, 1, 2});
  });
  expect("g.npz, array 'labels': holds no whole numbers (save it as an integer type)", [](Arrays& a) {
    a["labels"] = {'S', 1, {4}, "abcd"};
  });
  expect("g.npz, array 'test_ids': names vertex 3, which has no label",
         [](Arrays& a) { a["test_ids"] = array(Ints{3}); });
  expect("g.npz, array 'train_ids': names vertex 0, which has no label", [](Arrays& a) { a.erase("labels"); });
  expect("g.npz, array 'test_ids': names vertex 2 twice", [](Arrays& a) { a["test_ids"] = array(Ints{2, 2}); });
  expect("g.npz, array 'test_ids': its element 0 is 4, outside 0 to 3",
         [](Arrays& a) { a["test_ids"] = array(Ints{4}); });
  expect("g.npz: its split has vertex 1 both in training and in validation (make the parts disjoint)", [](Arrays& a) {
    a["train_ids"] = array(Ints{1, 0});
  });
  expect("g.npz: has both 'train_ids' and 'train_mask', which are names for one thing (save one)", [](Arrays& a) {
    a["train_mask"] = flags({1, 0, 0, 0});
  });
  expect("g.npz, array 'graph_ids': its element 2 is 2; graphs must lie one after the other, from 0", [](Arrays& a) {
    a["graph_ids"] = array(Ints{0, 0, 2, 2});
  });
  expect("g.npz, array 'graph_ids': puts vertices 1 and 2 into two graphs, but an edge joins them", [](Arrays& a) {
    a["graph_ids"] = array(Ints{0, 0, 1, 1});
  });
  expect("g.npz, array 'graph_labels': has 2 elements where 1 are expected", [](Arrays& a) {
    a["graph_labels"] = array(Ints{0, 1});
  });
  expect("g.npz, array 'graph_labels': is there without 'graph_ids'", [](Arrays& a) { a.erase("graph_ids"); });
  expect("g.npz, array 'node_tags': its element 1 is -1, outside 0 to 65535", [](Arrays& a) {
    a["node_tags"] = array(Ints{0, -1, 0, 0});
  });
  expect("g.npz: has no array 'adj_indices'", [](Arrays& a) { a.erase("adj_indices"); });
  expect(
      "g.npz: holds no graph that pare knows; its arrays are weights (save a scipy sparse matrix, or edge_index, or "
      "src_li and dst_li)",
      [](Arrays& a) {
        a = {{"weights", array(Ints{1})}};
      });
}

TEST(Npz, OfScipyInThreeFormats) {
  // [[0, 2, 0], [0, 0, 0], [3, 0, 4]]
  const Dense expected{{{0, 1}, 2.0f}, {{2, 0}, 3.0f}, {{2, 2}, 4.0f}};
  const io::Array shape = array(Ints{3, 3});
  const Graph csr = npz_of({{"format", text("csr")},
                            {"shape", shape},
                            {"indptr", array(Ints{0, 1, 1, 3})},
                            {"indices", array(Ints{1, 2, 0})},
                            {"data", array(Floats{2, 4, 3})}});
  EXPECT_TRUE(is_sound(csr.adjacency)) << "columns of a row came unsorted";
  EXPECT_EQ(dense(csr.adjacency), expected);
  EXPECT_FALSE(csr.symmetric);
  const Graph csc = npz_of({{"format", text("csc")},
                            {"shape", shape},
                            {"indptr", array(Ints{0, 1, 2, 3})},
                            {"indices", array(Ints{2, 0, 2})},
                            {"data", array(Floats{3, 2, 4})}});
  EXPECT_EQ(dense(csc.adjacency), expected);
  const Graph coo = npz_of({{"format", text("coo")},
                            {"shape", shape},
                            {"row", array(Ints{2, 0, 2, 2})},
                            {"col", array(Ints{2, 1, 0, 2})},
                            {"data", array(Floats{1, 2, 3, 3})}});
  EXPECT_EQ(dense(coo.adjacency), expected) << "an entry given twice is the sum";
  EXPECT_EQ(io::error_of([&] {
              npz_of({{"format", text("bsr")}, {"shape", shape}});
            }),
            "g.npz: holds a sparse matrix of the format 'bsr', pare knows csr, csc and coo (save matrix.tocsr())");
}

TEST(Npz, OfSourcesAndTargets) {
  const Dense expected{{{1, 0}, 1.0f}, {{2, 1}, 1.0f}, {{0, 0}, 1.0f}};  // a target gathers from its source
  const Graph lists =
      npz_of({{"src_li", array(Ints{0, 1, 0})}, {"dst_li", array(Ints{1, 2, 0})}, {"num_nodes", array(Ints{5})}});
  EXPECT_EQ(dense(lists.adjacency), expected);
  EXPECT_EQ(lists.vertices(), 5);
  const Graph pyg = npz_of({{"edge_index", array(Ints{0, 1, 0, 1, 2, 0}, {2, 3})},
                            {"x", array(Floats{1, 2, 3, 4}, {4, 1})},
                            {"y", array(Ints{0, 1, 1, 0}, {4, 1})},
                            {"train_mask", flags({1, 0, 0, 0})},
                            {"val_mask", flags({0, 1, 0, 0})},
                            {"test_mask", flags({0, 0, 1, 1})}});
  EXPECT_EQ(dense(pyg.adjacency), expected);
  EXPECT_EQ(pyg.vertices(), 4) << "features count vertices without edges too";
  EXPECT_EQ(pyg.test, (std::vector<std::int32_t>{2, 3}));
  const Graph weighted =
      npz_of({{"edge_index", array(Ints{0, 1, 1, 0}, {2, 2})}, {"edge_weight", array(Floats{2, 2})}});
  EXPECT_TRUE(weighted.symmetric);
  EXPECT_EQ(weighted.adjacency.weight, (Floats{2, 2}));
  const auto error = [](const Arrays& arrays) { return io::error_of([&] { npz_of(arrays); }); };
  EXPECT_EQ(error({{"src_li", array(Ints{0})}, {"dst_li", array(Ints{5})}, {"num_nodes", array(Ints{5})}}),
            "g.npz, array 'dst_li': edge 0 names vertex 5, outside 0 to 4");
  EXPECT_EQ(error({{"src_li", array(Ints{0})}, {"dst_li", array(Ints{1, 2})}}),
            "g.npz, array 'src_li': has 1 elements where 'dst_li' has 2");
  EXPECT_EQ(error({{"src_li", array(Ints{0})}, {"dst_li", array(Ints{0})}, {"num_nodes", array(Ints{-1})}}),
            "g.npz, array 'num_nodes': is -1, a negative count");
  EXPECT_EQ(error({{"src_li", array(Ints{0})}, {"dst_li", array(Ints{2000000000})}}).substr(0, 37),
            "g.npz: has 2000000001 vertices in 486");
  EXPECT_EQ(error({{"edge_index", array(Ints{0, 1, 2}, {3, 1})}}),
            "g.npz, array 'edge_index': does not have the shape [2, edges]");
}

TEST(Npz, WhatIsKnownOfEdgesBesideTheirWeight) {
  const Arrays path{{"edge_index", array(Ints{0, 1}, {2, 1})}};
  Arrays several = path, both = path, one = path;
  several["edge_attr"] = array(Floats{1, 2}, {1, 2});
  both["edge_attr"] = one["edge_attr"] = array(Floats{3}, {1, 1});
  both["edge_weight"] = array(Floats{5});
  EXPECT_EQ(dense(npz_of(several).adjacency), (Dense{{{1, 0}, 1.0f}}));
  EXPECT_EQ(dense(npz_of(both).adjacency), (Dense{{{1, 0}, 5.0f}}));
  EXPECT_EQ(dense(npz_of(one).adjacency), (Dense{{{1, 0}, 3.0f}}));
  both["edge_weight"] = array(Floats{5, 6}, {1, 2});
  EXPECT_EQ(io::error_of([&] { npz_of(both); }),
            "g.npz, array 'edge_weight': has the shape [1, 2] where a vector is expected");
}

TEST(Npz, AnyArrayByVertexSaysHowManyThereAre) {
  const Arrays edges{{"src", array(Ints{0, 1})}, {"dst", array(Ints{1, 0})}};
  for (const char* name : {"x", "feat", "features", "attr_matrix"}) {
    Arrays arrays = edges;
    arrays[name] = array(Floats{1, 2, 3, 4, 5}, {5, 1});
    EXPECT_EQ(npz_of(arrays).vertices(), 5) << name;
  }
  for (const char* name : {"graph_ids", "batch", "node_tags", "y", "labels"}) {
    Arrays arrays = edges;
    arrays[name] = array(Ints{0, 0, 0});
    EXPECT_EQ(npz_of(arrays).vertices(), 3) << name;
  }
  Arrays sparse = edges, marked = edges;
  sparse["attr_indptr"] = array(Ints{0, 1, 1, 1});
  sparse["attr_indices"] = array(Ints{1});
  sparse["attr_shape"] = array(Ints{3, 2});
  EXPECT_EQ(npz_of(sparse).vertices(), 3);
  for (const char* name : {"train_mask", "val_mask", "valid_mask", "test_mask"}) {
    marked[name] = flags({0, 0, 0});
    EXPECT_EQ(npz_of(marked).vertices(), 3) << name;
    marked.erase(name);
  }
}

// As many labels as graphs are those of the graphs; as many as vertices are the vertices', also of graphs of one
// vertex.
TEST(Npz, LabelsOfABatchsGraphs) {
  Arrays batch{
      {"edge_index", array(Ints{0, 2, 1, 3}, {2, 2})}, {"batch", array(Ints{0, 0, 1, 1})}, {"y", array(Ints{1, 0})}};
  const Graph graph = npz_of(batch);
  EXPECT_EQ(graph.vertices(), 4);
  EXPECT_TRUE(graph.labels.empty());
  EXPECT_EQ(graph.graph_labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(graph.graph_classes, 2);
  batch["y"] = array(Ints{1, 0, 2, 2});
  EXPECT_EQ(npz_of(batch).labels, (std::vector<std::int32_t>{1, 0, 2, 2}));
  batch["y"] = array(Ints{1, 0, 2});
  EXPECT_EQ(io::error_of([&] { npz_of(batch); }), "g.npz, array 'y': has 3 elements where 4 are expected");
}

TEST(Npz, NumbersOfOtherTypes) {
  const Graph graph = npz([](Arrays& a) {
    a["labels"] = array(Floats{0, 1, 2, -1});
    a.erase("train_ids");
    a["train_mask"] = array(Floats{1, 0, 0, 0});
    a.erase("val_ids");
    a["valid_idx"] = array(Ints{1});
    a.erase("adj_shape");  // square
  });
  EXPECT_EQ(graph.labels, (std::vector<std::int32_t>{0, 1, 2, -1}));
  EXPECT_EQ(graph.training, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(graph.validation, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(npz([](Arrays& a) { a["labels"] = flags({0, 1, 1, 0}); }).classes, 2);
  EXPECT_EQ(npz_error([](Arrays& a) {
              a["labels"] = array(Floats{0, 1, 0.5, 0});
            }),
            "g.npz, array 'labels': its element 2 is 0.5, no whole number (save it as an integer type)");
  EXPECT_EQ(npz_error([](Arrays& a) {
              a["labels"] = array(std::vector<double>{0, 1, 0.99999999, 0});
            }),
            "g.npz, array 'labels': its element 2 is 0.99999999, no whole number (save it as an integer type)");
  EXPECT_EQ(npz_error([](Arrays& a) {
              a["labels"] = array(Floats{0, 1, 33554432, 0});
            }),
            "g.npz, array 'labels': its element 2 is 33554432, beyond what floats of its size count to (save it as an "
            "integer type)");
  EXPECT_EQ(npz_error([](Arrays& a) {
              a["labels"] = array(Floats{0, 1, NAN, 0});
            }),
            "g.npz, array 'labels': its element 2 is nan, no whole number (save it as an integer type)");
}

TEST(MatrixMarket, KindsAndSymmetries) {
  const auto read = [](const std::string& bytes) { return dense(parse_matrix_market(bytes, "m").adjacency); };
  EXPECT_EQ(read(mtx("real general", "3 3 3\n1 2 0.5\n3 1 -2e0\n1 2 +1\n")), (Dense{{{0, 1}, 1.5f}, {{2, 0}, -2.0f}}));
  EXPECT_EQ(read(mtx("integer symmetric", "3 3 2\n2 1 4\n3 3 5")),
            (Dense{{{1, 0}, 4.0f}, {{0, 1}, 4.0f}, {{2, 2}, 5.0f}}));
  EXPECT_EQ(read(mtx("real skew-symmetric", "2 2 1\n2 1 4")), (Dense{{{1, 0}, 4.0f}, {{0, 1}, -4.0f}}));
  const Graph pattern = parse_matrix_market(mtx("pattern symmetric", "3 3 2\r\n2 1\r\n\r\n3 2\r\n"), "m");
  EXPECT_TRUE(pattern.adjacency.weight.empty());
  EXPECT_TRUE(pattern.symmetric);
  EXPECT_EQ(pattern.adjacency.nonzeros(), 4);
  EXPECT_EQ(parse_matrix_market(mtx("pattern general", "0 0 0\n"), "m").vertices(), 0);
}

TEST(MatrixMarket, RefusesWithOneLine) {
  EXPECT_EQ(mtx_error(mtx("complex general", "1 1 0")),
            "m.mtx, line 1: its field is 'complex', pare knows real, integer, unsigned-integer and pattern");
  EXPECT_EQ(mtx_error("%%MatrixMarket matrix array real general\n1 1\n1\n"),
            "m.mtx, line 1: its format is 'array', pare knows coordinate (a sparse matrix)");
  EXPECT_EQ(mtx_error(mtx("real hermitian", "1 1 0")),
            "m.mtx, line 1: its symmetry is 'hermitian', pare knows general, symmetric and skew-symmetric");
  EXPECT_EQ(mtx_error(mtx("real general", "3 2 0")),
            "m.mtx, line 4: has 3 rows and 2 columns, an adjacency has as many of both");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 -1")), "m.mtx, line 4: has a negative count -1");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 2\n1 1 1\n")),
            "m.mtx, line 6: ends after 1 of 2 entries (copy or download the file again)");
  EXPECT_EQ(
      mtx_error(mtx("real general", "3 3 900\n1 1 1\n")),
      "m.mtx, line 4: promises 900 entries, more than the file's 73 bytes can hold (copy or download the file again)");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n1 1 1\n1 2 1\n")), "m.mtx, line 6: goes on after its 1 entries");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n0 1 1\n")), "m.mtx, line 5: names vertex 0, outside 1 to 3");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n4 1 1\n")), "m.mtx, line 5: names vertex 4, outside 1 to 3");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n1 1\n")), "m.mtx, line 5: has no value");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n1 1 nan\n")),
            "m.mtx, line 5: its value is nan, not finite as a float");
  EXPECT_EQ(mtx_error(mtx("real general", "3 3 1\n1 1 1e60\n")),
            "m.mtx, line 5: its value is 1e+60, not finite as a float");
  EXPECT_EQ(mtx_error(mtx("pattern general", "3 3 1\n1 1 1\n")),
            "m.mtx, line 5: has more numbers than its kind of matrix");
  EXPECT_EQ(mtx_error(mtx("real skew-symmetric", "3 3 1\n1 1 1\n")),
            "m.mtx, line 5: is on the diagonal of a skew-symmetric matrix");
  EXPECT_EQ(mtx_error("1 1 1\n"),
            "m.mtx, line 1: does not begin with '%%MatrixMarket' (save it with scipy.io.mmwrite)");
  EXPECT_EQ(mtx_error(mtx("real general", "9999999999 9999999999 0\n")).substr(0, 31),
            "m.mtx: has 9999999999 vertices,");
}

TEST(Edges, AreDirectedFromSourceToTarget) {
  const auto read = [](const std::string& bytes) { return dense(parse_edges(bytes, "e").adjacency); };
  EXPECT_EQ(read("# a comment\n0 1\n% another\n\n 2\t0 \n0 1"), (Dense{{{1, 0}, 2.0f}, {{0, 2}, 1.0f}}));
  EXPECT_EQ(read("0,1,0.5\r\n1, 1, 2\r\n"), (Dense{{{1, 0}, 0.5f}, {{1, 1}, 2.0f}}));
  EXPECT_EQ(parse_edges("3 3\n", "e").vertices(), 4);
  EXPECT_EQ(parse_edges("", "e").vertices(), 0);
  // as tables are saved: a mark of the encoding, a line of names, remarks
  EXPECT_EQ(read("\xef\xbb\xbfid_1,id_2\r\n0,1 # the first\r\n1,2\r\n"), read("0 1\n1 2\n"));
  EXPECT_EQ(read("# made by\n\n\"from\",\"to\"\n\"0\",\"1\"\n"), read("0 1\n"));
  EXPECT_EQ(read("0 1 {}\n2 1 {}\n"), read("0 1\n2 1\n"));  // networkx
  EXPECT_EQ(read("0 1 1e-400\n"), (Dense{{{1, 0}, 0.0f}}));
}

TEST(Edges, NamesSayWhichColumnsAreRead) {
  const auto read = [](const std::string& bytes) { return dense(parse_edges(bytes, "e").adjacency); };
  EXPECT_EQ(read(",source,target\n0,5,6\n1,7,8\n"), read("5 6\n7 8\n"));  // pandas, with its index
  EXPECT_EQ(read(",a,b\n0,5,6\n1,7,8\n"), read("5 6\n7 8\n"));
  EXPECT_EQ(read("weight,Source,Target\n3,0,1\n"), read("0 1 3\n"));
  EXPECT_EQ(read("target\tsource\n1\t0\n"), read("0 1\n"));
  EXPECT_EQ(read("src;dst;kind;weight\n0;1;friend;2\n1;2;foe;0.5\n"), read("0 1 2\n1 2 0.5\n"));
  EXPECT_EQ(read("id1 id2 strength\n0 1 2\n"), read("0 1 2\n"));
  EXPECT_EQ(read("target source # of a tool\n1 0\n"), read("0 1\n"));
  // names before those that mean less, and what other columns hold
  EXPECT_EQ(read("id,u,source,target\n7,8,0,1\n"), read("0 1\n"));
  EXPECT_EQ(read("label,source,target\nClass 3,5,6\n\"Smith, John\",0,1\n\"\",2,3\n"), read("5 6\n0 1\n2 3\n"));
  EXPECT_EQ(read("kind\tsource\ttarget\tyear\n\t5\t6\t2001\n"), read("5 6\n"));
  EXPECT_EQ(read("source,target,comment,year\n0,1,,2001\n"), read("0 1\n"));
  EXPECT_EQ(read("0,1,,\n"), read("0 1\n"));
  EXPECT_EQ(read("0 1 # a,,b\n2 3 # ;;\n"), read("0 1\n2 3\n"));
}

TEST(Edges, RefusesWithOneLine) {
  EXPECT_EQ(edges_error("source target\n0 1\nb c\n"), "e.txt, line 3: its source 'b' is no whole number");
  EXPECT_EQ(edges_error("0 1\n-1 2\n"), "e.txt, line 2: names vertex -1; vertices are numbered from 0");
  EXPECT_EQ(edges_error("0 1\n5\n"), "e.txt, line 2: has no target");
  EXPECT_EQ(edges_error("0 1.5\n"), "e.txt, line 1: its target '1.5' is no whole number");
  EXPECT_EQ(edges_error("0 1 2\n0 1\n"), "e.txt, line 2: has no weight, others have");
  EXPECT_EQ(edges_error("0 1\n0 1 2\n"), "e.txt, line 2: has a weight, others have none");
  EXPECT_EQ(edges_error("0 1 2 3\n"), "e.txt, line 1: has more than source, target and weight");
  EXPECT_EQ(edges_error("0,,1\n"), "e.txt, line 1: has no target");
  EXPECT_EQ(edges_error("source,target,weight\n0,1,2\n0,1\n"), "e.txt, line 3: has no weight");
  EXPECT_EQ(edges_error("0 1 {'weight': 3}\n"),
            "e.txt, line 1: has a dictionary (write the list with networkx.write_weighted_edgelist)");
  EXPECT_EQ(edges_error("0 1 inf\n"), "e.txt, line 1: its weight is inf, not finite as a float");
  EXPECT_EQ(edges_error("0 3000000000\n"), "e.txt, line 1: names vertex 3000000000, pare numbers up to 2147483646");
  EXPECT_EQ(edges_error("0 99999999999999999999\n"),
            "e.txt, line 1: its target '99999999999999999999' is out of range");
  EXPECT_EQ(
      edges_error("0 2000000000\n"),
      "e.txt: has 2000000001 vertices in 13 bytes, so nearly none has an edge (renumber the vertices that have edges "
      "from 0)");
}

TEST(Parsers, SurviveDamage) {
  const std::string whole = io::to_npz({{"adj_indptr", array(Ints{0, 1, 2})},
                                        {"adj_indices", array(Ints{1, 0})},
                                        {"adj_shape", array(Ints{2, 2})},
                                        {"labels", array(Ints{0, 1})},
                                        {"train_ids", array(Ints{0})}});
  io::expect_survives_damage([](const std::string& bytes) { parse_npz(bytes, "damaged"); }, whole, 1000);
}

TEST(ReadGraph, ChoosesByEnding) {
  const fs::path folder = fs::path(testing::TempDir()) / "read_graph";
  const std::string market = mtx("pattern symmetric", "3 3 1\n2 1\n");
  write_file(folder / "a.mtx", market);
  write_file(folder / "a.data", market);
  write_file(folder / "b.edges", "0 1\n");
  const Graph a = read_graph(folder / "a.mtx"), b = read_graph(folder / "b.edges");
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.hash, content_hash(market));
  EXPECT_EQ(a.adjacency.nonzeros(), 2);
  EXPECT_EQ(read_graph(folder / "a.data").adjacency.nonzeros(), 2);
  EXPECT_EQ(b.adjacency.nonzeros(), 1);
  EXPECT_THROW(read_graph(folder / "missing.npz"), Error);
  EXPECT_THROW(read_graph(folder), Error);
  fs::remove_all(folder);
}

TEST(Assets, AreReadAndWrittenAgain) {
  const char* assets = std::getenv("PARE_ASSETS");
  if (!assets) GTEST_SKIP() << "PARE_ASSETS is not set";
  const fs::path folder = fs::path(assets) / "graphs", copy = fs::path(testing::TempDir()) / "graph_copy.npz";
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".npz") continue;
    const Graph g = read_graph(entry.path());
    SCOPED_TRACE(g.name);
    ++files;
    EXPECT_TRUE(is_sound(g.adjacency));
    EXPECT_TRUE(g.symmetric);
    EXPECT_TRUE(g.adjacency.weight.empty());
    write_graph_npz(copy, g);
    const Graph again = read_graph(copy);
    EXPECT_EQ(again.adjacency.begin, g.adjacency.begin);
    EXPECT_EQ(again.adjacency.column, g.adjacency.column);
    EXPECT_EQ(again.sparse_features.begin, g.sparse_features.begin);
    EXPECT_EQ(again.sparse_features.column, g.sparse_features.column);
    EXPECT_EQ(again.sparse_features.weight, g.sparse_features.weight);
    EXPECT_EQ(again.labels, g.labels);
    EXPECT_EQ(again.test, g.test);
    EXPECT_EQ(again.graph_of, g.graph_of);
    EXPECT_EQ(again.graph_labels, g.graph_labels);
    EXPECT_EQ(again.tags, g.tags);
  }
  EXPECT_GE(files, 19u);
  const Graph cora = read_graph(folder / "cora.npz");
  EXPECT_EQ(cora.vertices(), 2708);
  EXPECT_EQ(cora.adjacency.nonzeros(), 2 * 5278);
  EXPECT_EQ(cora.feature_width, 1433);
  EXPECT_EQ(cora.classes, 7);
  EXPECT_EQ(cora.training.size(), 140u);
  EXPECT_EQ(cora.validation.size(), 500u);
  EXPECT_EQ(cora.test.size(), 1000u);
  const Graph proteins = read_graph(folder / "PROTEINS.npz");
  EXPECT_EQ(proteins.graph_labels.size(), 1113u);
  EXPECT_EQ(proteins.tag_kinds, 3);
  EXPECT_EQ(proteins.graph_classes, 2);
}

}  // namespace
}  // namespace pare::graph
