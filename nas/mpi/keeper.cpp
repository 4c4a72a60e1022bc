#include "nas/mpi/keeper.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <memory>

namespace npusim::mpi {
namespace {

class Keeper {
 public:
  Keeper(int socket, const std::function<jobs::Work()>& make) : socket_(socket), make_(make) {}

  int run() {
    std::string buffer;
    while (jobs::receive_bytes(socket_, buffer)) {
      while (const auto line = jobs::take_line(buffer)) {
        if (!jobs::send_line(socket_, answer(std::stoull(*line)))) return 0;
      }
    }
    return 0;
  }

 private:
  std::string answer(std::size_t job) {
    for (bool first = true;; first = false) {
      if (!worker_) worker_ = std::make_unique<jobs::Worker>(make_, std::vector<int>{socket_});
      jobs::Worker::Heard heard{worker_->hand_out(job), std::nullopt};
      while (heard.alive && !heard.result) heard = worker_->listen();
      if (heard.result) return fmt::format("done {} {}", job, *heard.result);
      const std::string how = worker_->end(false);
      worker_.reset();
      if (!first) return fmt::format("lost {} {}", job, how);
      jobs::send_line(socket_, fmt::format("retry {} {}", job, how));
    }
  }

  int socket_;
  const std::function<jobs::Work()>& make_;
  std::unique_ptr<jobs::Worker> worker_;
};

}  // namespace

jobs::Child start_keeper(const std::function<jobs::Work()>& make) {
  return jobs::start_child(
      [&make](int socket) {
        try {
          return Keeper(socket, make).run();
        } catch (const std::exception& error) {
          std::fprintf(stderr, "npusim: a rank's keeper ends: %s\n", error.what());
          return 2;
        }
      },
      {});
}

}  // namespace npusim::mpi
