// What a cluster's ranks say to each other, and over what: the plug-in's interface.
#pragma once

#include <string>

namespace npusim::mpi {

/// Short lines between processes that were started together. Of one pair of ranks, lines arrive in the order
/// sent.
class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// May wait until the other side takes it. False when that is known to be gone.
  virtual bool send(int to, const std::string& line) = 0;
  /// The next line that has come in, if there is one; does not wait.
  virtual bool receive(int& from, std::string& line) = 0;
  /// The last call; waits until all ranks have called it.
  virtual void leave() = 0;
};

/// What the plug-in exports as "npusim_mpi_join": joins the ranks. Never fails: an MPI that cannot start ends
/// the process. The result lives as long as the process.
using Join = Transport* (*)();
inline constexpr const char* kJoin = "npusim_mpi_join";
inline constexpr const char* kPlugin = "libnpusim_mpi.so";

}  // namespace npusim::mpi
