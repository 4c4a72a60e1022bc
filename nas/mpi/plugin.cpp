// The plug-in: the only place that includes MPI.
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>
#include <boost/mpi/exception.hpp>
#include <optional>

#include "nas/mpi/transport.h"

namespace npusim::mpi {
namespace {

constexpr int kTag = 7;

class World final : public Transport {
 public:
  World() : environment_(std::in_place, false) { world_.emplace(); }
  [[nodiscard]] int rank() const override { return world_->rank(); }
  [[nodiscard]] int size() const override { return world_->size(); }

  bool send(int to, const std::string& line) override {
    try {
      world_->send(to, kTag, line.data(), static_cast<int>(line.size()));
      return true;
    } catch (const boost::mpi::exception&) {
      return false;
    }
  }

  bool receive(int& from, std::string& line) override {
    try {
      const auto status = world_->iprobe(boost::mpi::any_source, kTag);
      if (!status) return false;
      from = status->source();
      line.resize(static_cast<std::size_t>(status->count<char>().value()));
      world_->recv(from, kTag, line.data(), static_cast<int>(line.size()));
      return true;
    } catch (const boost::mpi::exception&) {
      return false;
    }
  }

  void leave() override {
    world_.reset();
    environment_.reset();
  }

 private:
  std::optional<boost::mpi::environment> environment_;
  std::optional<boost::mpi::communicator> world_;
};

}  // namespace
}  // namespace npusim::mpi

extern "C" npusim::mpi::Transport* npusim_mpi_join() { return new npusim::mpi::World(); }
