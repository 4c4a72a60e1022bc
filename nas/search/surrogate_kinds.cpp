// Which surrogates there are. The recurrent one is a library of its own that is loaded when it is asked for:
// libtorch takes 200 MB and a tenth of a second, which no other command shall pay.
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "nas/search/lstm/lstm.h"
#include "nas/search/surrogate.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

/// Beside the program (as built), or where it is installed.
MakeLstm find_lstm() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  std::string why;
  for (const std::filesystem::path& place : {folder, folder / ".." / "lib" / "npusim"}) {
    const std::filesystem::path file = place / kLstmLibrary;
    if (!std::filesystem::exists(file, error)) continue;
    if (void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (void* const make = ::dlsym(library, kMakeLstm)) return reinterpret_cast<MakeLstm>(make);
    }
    why = fmt::format(": {}", ::dlerror());
  }
  throw UserError(
      fmt::format("--surrogate lstm: this npusim has no {} (it is built where libtorch-dev is installed){}; "
                  "expected trees",
                  kLstmLibrary, why));
}

}  // namespace

std::unique_ptr<SurrogateModel> make_surrogate(const std::string& kind, const space::Space& space) {
  if (kind == "trees") return std::make_unique<Surrogate>(space);
  if (kind != "lstm") {
    throw UserError(fmt::format("no surrogate is called '{}'{} (there are trees, lstm)", kind,
                                suggestion(kind, {"trees", "lstm"})));
  }
  static const MakeLstm make = find_lstm();
  std::vector<std::size_t> sizes;
  for (const space::Gene& gene : space.genes()) sizes.push_back(gene.choices.size());
  return std::unique_ptr<SurrogateModel>(make(sizes.data(), sizes.size()));
}

}  // namespace npusim::search
