// The command described for man and for the shell, from what it says of itself.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace pare::cli {

std::string man_page(const CLI::App& app);         // roff
std::string bash_completion(const CLI::App& app);  // to be sourced

}  // namespace pare::cli
