// Where an installed pare finds torch, which no Debian package holds.
#pragma once
#include <filesystem>
#include <vector>

namespace pare::cli {

/// Where `pare install-torch` puts it: /var/lib/pare/torch for root, else below $XDG_DATA_HOME or ~/.local/share.
std::filesystem::path own_torch_folder();

/// The `torch` folders of wheels that are there, best first: $PARE_TORCH_DIR, the user's own, the machine's.
std::vector<std::filesystem::path> torch_folders();

}  // namespace pare::cli
