// Pipelines as text: docs/imaging.md describes the language.
#pragma once
#include <filesystem>
#include <string>

#include "pare/imaging/pipeline.h"

namespace pare::imaging {

constexpr std::size_t most_source_bytes = std::size_t{1} << 20;

/// Throws SourceError (lexer.h), which points into the text; `where` names it, `name` is the pipeline's.
Pipeline parse_pipeline(const std::string& text, const std::string& where, const std::string& name);
/// The pipeline has the file's name without its ending.
Pipeline read_pipeline(const std::filesystem::path& path);

}  // namespace pare::imaging
