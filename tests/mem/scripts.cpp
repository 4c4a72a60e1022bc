#include "tests/mem/scripts.h"

#include <algorithm>

namespace npusim::mem::test {

DramSpec dram(const std::string& table, std::int64_t channels) {
  DramSpec spec;
  spec.timing = read_timing(dram_table(table, "test"));
  spec.channels = channels;
  return spec;
}

std::vector<Completion> play(MemoryDomain& domain, const Script& script, Style style) {
  std::vector<Completion> completions;
  std::vector<std::size_t> next(script.size(), 0);
  std::vector<Cycles> start_at(script.size(), kNever);
  const auto schedule = [&](std::size_t port, Cycles now) {
    if (next[port] == script[port].size()) return;
    const Transfer& transfer = script[port][next[port]];
    const Cycles at = now + Cycles(transfer.gap);
    if (style == Style::ahead) {
      ++next[port];
      domain.start(port, transfer.runs, at);
    } else {
      start_at[port] = at;
    }
  };
  for (std::size_t port = 0; port < script.size(); ++port) schedule(port, Cycles(0));
  while (true) {
    const Cycles horizon = *std::min_element(start_at.begin(), start_at.end());
    const auto done = style == Style::ahead ? domain.next_completion() : domain.next_completion(horizon);
    if (done) {
      completions.push_back(*done);
      schedule(done->port, done->end);
      continue;
    }
    if (horizon == kNever) return completions;
    for (std::size_t port = 0; port < script.size(); ++port) {
      if (start_at[port] != horizon) continue;
      start_at[port] = kNever;
      domain.start(port, script[port][next[port]++].runs, horizon);
    }
  }
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
