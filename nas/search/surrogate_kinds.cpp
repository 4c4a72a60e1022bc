// Which surrogates there are. The recurrent one is a library of its own that is loaded when it is asked for:
// libtorch takes 200 MB and a tenth of a second, which no other command shall pay.
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "nas/search/lstm/lstm.h"
#include "nas/search/surrogate.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

/// The library lies beside the program.
MakeLstm find_lstm() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path file = program.parent_path() / kLstmLibrary;
  if (!std::filesystem::exists(file, error)) {
    throw UserError(fmt::format(
        "--surrogate lstm: {} is missing (it is built where libtorch-dev is installed); expected trees",
        file.string()));
  }
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const make = library == nullptr ? nullptr : ::dlsym(library, kMakeLstm);
  if (make == nullptr) throw UserError(fmt::format("--surrogate lstm: {}", ::dlerror()));
  return reinterpret_cast<MakeLstm>(make);
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
