// Tables as HTML: figures right-aligned, wide ones scroll inside their own box.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace pare::draw {

struct Column {
  std::string title;
  std::string note = {};  // small, under the title: unit, provenance
  bool numeric = false;
};

struct Cell {  // texts of more than 60 characters are cut
  std::string text;
  std::string note = {};  // small, after the text: an interval, a mark
  bool strong = false;
  std::optional<double> share = {};  // 0 .. 1: a bar under the text as long
};

struct Row {
  std::vector<Cell> cells;  // as many as columns; missing ones are empty
  bool marked = false;      // stands out
};

struct Table {
  std::string name;  // for screen readers and as the caption
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::size_t most_rows = 500;  // more are left out, with a line that says so
};

std::string table(const Table& table);

}  // namespace pare::draw
