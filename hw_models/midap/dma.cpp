#include "hw_models/midap/dma.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "sim/base/error.h"

namespace npusim::midap {

namespace {

constexpr std::size_t kPorts = 4;
constexpr std::int64_t kFlagLead = 2;  ///< valid data is reported this many cycles early (see the header)

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// A transfer from its request on.
struct Transfer {
  std::int64_t at = 0;  ///< handed to the port
  std::int64_t bytes = 0;
  std::int64_t valid = -1;  ///< data is there; -1: not yet on the time line
};

class PublishedMemory : public mem::MemoryDomain {
 public:
  PublishedMemory(const LatencyModel& model, std::int64_t rate) : model_(model), rate_(rate) {}

  void start(std::size_t port, std::span<const program::Region> runs, Cycles at) override {
    ensure(port < kPorts, "no such port");
    ensure(at.count() >= now_, "a transfer starts in the past");
    Transfer transfer;
    transfer.at = at.count();
    for (const auto& run : runs) transfer.bytes += run.total_bytes();
    queues_[port].push_back(transfer);
  }

  std::optional<mem::Completion> next_completion(Cycles horizon) override {
    while (true) {
      const std::size_t request = oldest_request();
      const std::size_t done = earliest_completion();
      const bool pending = request < kPorts;
      // A request made at the completion's own cycle cannot push it: latencies are longer than the lead.
      if (pending && (done == kPorts || next_request(request).at < reported(queues_[done].front()))) {
        if (next_request(request).at >= horizon.count()) return std::nullopt;
        serve(static_cast<Port>(request), next_request(request));
        ++counters_.events;
        continue;
      }
      if (done == kPorts || reported(queues_[done].front()) > horizon.count()) return std::nullopt;
      return complete(done);
    }
  }

  void reset() override {
    queues_ = {};
    weights_valid_ = fifo_end_ = now_ = 0;
    released_ = {};
    counters_ = {};
  }

  [[nodiscard]] const mem::MemoryCounters& counters() const override { return counters_; }

 private:
  static std::int64_t reported(const Transfer& transfer) { return transfer.valid - kFlagLead; }

  Transfer& next_request(std::size_t port) {
    return *std::find_if(queues_[port].begin(), queues_[port].end(),
                         [](const Transfer& t) { return t.valid < 0; });
  }

  /// The port of the request made first (ties: weights before features before biases); kPorts when all are on
  /// the time line.
  [[nodiscard]] std::size_t oldest_request() {
    std::size_t best = kPorts;
    for (std::size_t port = 0; port < kPorts; ++port) {
      if (queues_[port].empty() || queues_[port].back().valid >= 0) continue;
      if (best == kPorts || next_request(port).at < next_request(best).at) best = port;
    }
    return best;
  }

  [[nodiscard]] std::size_t earliest_completion() const {
    std::size_t best = kPorts;
    for (std::size_t port = 0; port < kPorts; ++port) {
      if (queues_[port].empty() || queues_[port].front().valid < 0) continue;
      if (best == kPorts || queues_[port].front().valid < queues_[best].front().valid) best = port;
    }
    return best;
  }

  void serve(Port port, Transfer& transfer) {
    const std::int64_t requested = std::max<std::int64_t>(transfer.at - 1, 0);
    if (port == Port::write) {
      transfer.valid = transfer.at + 1 + kFlagLead;
      return;
    }
    const std::int64_t ready = requested + request_latency(model_, transfer.bytes);
    const std::int64_t busy = ceil_div(transfer.bytes, rate_);
    if (port != Port::wmem) {
      transfer.valid = fifo_end_ = std::max(ready, fifo_end_) + busy;
      return;
    }
    const std::int64_t begin = std::max(ready, weights_valid_);
    transfer.valid = weights_valid_ = begin + busy;
    for (const Port other : {Port::fmem, Port::bmmem}) {
      for (auto& pushed : queues_[static_cast<std::size_t>(other)]) {
        if (pushed.valid > begin) pushed.valid += busy;
      }
    }
    fifo_end_ = std::max(weights_valid_, fifo_end_ + busy);
  }

  mem::Completion complete(std::size_t port) {
    const Transfer transfer = queues_[port].front();
    queues_[port].pop_front();
    mem::Completion done;
    done.port = port;
    done.end = Cycles{reported(transfer)};
    done.release = done.end;
    done.start = Cycles{std::max(transfer.at, released_[port])};
    const std::int64_t busy =
        port == static_cast<std::size_t>(Port::write) ? 1 : ceil_div(transfer.bytes, rate_);
    done.ideal = Cycles{std::min(busy, done.release.count() - done.start.count())};
    done.bytes = done.dram_bytes = transfer.bytes;
    released_[port] = done.release.count();
    now_ = done.end.count();
    ++counters_.requests;
    ++counters_.events;
    (port == static_cast<std::size_t>(Port::write) ? counters_.dram_write_bytes
                                                   : counters_.dram_read_bytes) += transfer.bytes;
    return done;
  }

  LatencyModel model_;
  std::int64_t rate_;
  std::array<std::deque<Transfer>, kPorts> queues_;
  std::int64_t weights_valid_ = 0;  ///< the last weights requested are there
  std::int64_t fifo_end_ = 0;       ///< features and biases requested so far are there
  std::int64_t now_ = 0;
  std::array<std::int64_t, kPorts> released_{};
  mem::MemoryCounters counters_;
};

}  // namespace

std::int64_t request_latency(const LatencyModel& model, std::int64_t bytes) {
  std::int64_t pages = 0;
  std::int64_t refreshes = 0;
  if (model.worst) {
    pages = bytes / model.page_bytes;
    refreshes = ceil_div(bytes, model.refresh_period);
  } else {
    pages = -floor_div(model.page_offset - bytes, model.page_bytes);
    refreshes = std::max<std::int64_t>(0, -floor_div(model.refresh_offset - bytes, model.refresh_period));
  }
  return static_cast<std::int64_t>(std::ceil(model.cas + model.page_delay * static_cast<double>(pages) +
                                             model.refresh_delay * static_cast<double>(refreshes)));
}

std::unique_ptr<mem::MemoryDomain> make_published_memory(const LatencyModel& model, std::int64_t rate) {
  return std::make_unique<PublishedMemory>(model, rate);
}

}  // namespace npusim::midap
