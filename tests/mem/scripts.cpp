#include "tests/mem/scripts.h"

#include <algorithm>

namespace npusim::mem::test {

DramSpec dram(const std::string& table, std::int64_t channels) {
  DramSpec spec;
  spec.timing = read_timing(dram_table(table, "test"));
  spec.channels = channels;
  return spec;
}

DramSpec fr_fcfs_dram(const std::string& table, std::int64_t channels) {
  DramSpec spec = dram(table, channels);
  spec.policy = DramPolicy::fr_fcfs;
  spec.fr_fcfs.rules = dram_rules(table, Flavour::jedec, "test");
  spec.fr_fcfs.mapping = mapping_fields("auto", spec.fr_fcfs.rules);
  return spec;
}

namespace {

/// Plays a script: what is started when, by style.
class Player {
 public:
  Player(MemoryDomain& domain, const Script& script, Style style)
      : domain_(domain),
        script_(script),
        style_(style),
        next_(script.size(), 0),
        running_(script.size(), 0),
        start_at_(script.size(), kNever) {}

  std::vector<Completion> play() {
    for (std::size_t port = 0; port < script_.size(); ++port) {
      plan(port, Cycles(0));
      if (style_ == Style::chained) plan(port, Cycles(0));
    }
    while (true) {
      const Cycles horizon = *std::min_element(start_at_.begin(), start_at_.end());
      if (const auto done = domain_.next_completion(horizon)) {
        completions_.push_back(*done);
        --running_[done->port];
        after(*done);
      } else if (horizon == kNever) {
        return completions_;
      } else {
        start_planned(horizon);
      }
    }
  }

 private:
  [[nodiscard]] bool finished(std::size_t port) const { return next_[port] == script_[port].size(); }

  /// The port's next transfer will start a gap after `now`.
  void plan(std::size_t port, Cycles now) {
    if (finished(port)) return;
    const Cycles at = now + Cycles(script_[port][next_[port]].gap);
    if (style_ == Style::ahead || style_ == Style::chained) {
      start(port, at);
    } else {
      start_at_[port] = at;
    }
  }

  void start(std::size_t port, Cycles at) {
    domain_.start(port, script_[port][next_[port]++].runs, at);
    ++running_[port];
  }

  void start_planned(Cycles now) {
    for (std::size_t port = 0; port < script_.size(); ++port) {
      if (start_at_[port] != now) continue;
      start_at_[port] = kNever;
      start(port, now);
      if (style_ == Style::overlapped && running_[port] < 4) plan(port, now + Cycles(1));
    }
  }

  void after(const Completion& done) {
    std::size_t port = done.port;
    if (style_ == Style::chained) {
      for (std::size_t i = 0; i < script_.size(); ++i) {
        port = (port + 1) % script_.size();
        if (!finished(port) && running_[port] < 5) break;
      }
      if (running_[port] >= 5) return;
    }
    if (start_at_[port] == kNever) plan(port, done.end);
  }

  MemoryDomain& domain_;
  const Script& script_;
  Style style_;
  std::vector<std::size_t> next_;     ///< by port: transfer to start next
  std::vector<std::size_t> running_;  ///< by port: transfers started and not completed
  std::vector<Cycles> start_at_;      ///< by port: when the next one starts, kNever when that is not known
  std::vector<Completion> completions_;
};

}  // namespace

std::vector<Completion> play(MemoryDomain& domain, const Script& script, Style style) {
  return Player(domain, script, style).play();
}

program::Region run(std::int64_t offset, std::int64_t bytes) {
  program::Region region;
  region.offset = offset;
  region.bytes = bytes;
  return region;
}

Completion transfer(const MemorySpec& spec, const std::vector<program::Region>& runs) {
  const auto domain = make_memory_domain(spec);
  domain->start(0, runs, Cycles(0));
  return domain->next_completion().value();
}

}  // namespace npusim::mem::test
