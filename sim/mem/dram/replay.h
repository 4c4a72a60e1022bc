// Replays request streams through a controller and measures what a user of the memory sees.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/mem/dram/controller.h"

namespace npusim::mem {

/// A request and the earliest clock at which it is offered.
struct TimedRequest {
  std::int64_t earliest = 0;
  std::uint64_t address = 0;
  bool write = false;
};

/// The i-th request of a stream.
using RequestStream = std::function<TimedRequest(std::int64_t)>;

/// The streams of tests/data/reference/dram_streams.csv: "seq_read", "rand_2r1w", ...
std::vector<std::string> stream_names();

/// A named stream in one 256 MiB region, offered at `rate_percent` of the channels' peak data rate (100: as
/// fast as it is accepted). The rows of `channels` interleaved channels count as one. Throws UserError for
/// unknown names.
RequestStream named_stream(const std::string& name, const DramRules& rules, std::int64_t rate_percent,
                           std::int64_t channels = 1);

/// Reads "clock R|W hexaddress" lines; '#' starts a comment. Throws UserError with file and line for
/// malformed lines, clocks that decrease, and addresses for which `check` throws.
std::vector<TimedRequest> read_request_trace(const std::string& path,
                                             const std::function<void(std::uint64_t)>& check);

struct ReplayResult {
  std::int64_t requests = 0;
  std::int64_t clocks = 0;  ///< all requests accepted, all data returned
  std::vector<std::int64_t>
      read_latencies;  ///< clocks from acceptance to behind the last data beat, by request
};

/// Offers `count` requests in order, at most `per_clock` a clock, none before its time; the head of the line
/// waits until it is accepted. Ends when all are accepted and all reads have returned. `observe`, when given,
/// is called after every advance.
ReplayResult replay(DramController& controller, const RequestStream& stream, std::int64_t count,
                    std::int64_t per_clock = 1, const std::function<void()>& observe = {});

}  // namespace npusim::mem
