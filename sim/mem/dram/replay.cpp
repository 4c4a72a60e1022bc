#include "sim/mem/dram/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::mem {

namespace {

constexpr std::uint64_t kMebi = UINT64_C(1) << 20U;
constexpr std::uint64_t kRegion = 256 * kMebi;
/// Of a trace: half a minute of DRAM time, in which every refresh is issued.
constexpr std::int64_t kMostClock = INT64_C(1) << 36U;
constexpr std::int64_t kStep = INT64_C(1) << 24U;

/// splitmix64 as a stateless hash.
std::uint64_t hash(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// What the streams know of a channel.
struct Shape {
  std::uint64_t burst = 0, row = 0, banks = 0;  ///< bytes, bytes, number
};

using Place = std::pair<std::uint64_t, bool>;  ///< address, write
using PlaceOf = Place (*)(std::uint64_t, const Shape&);

/// Chunks of 512 bytes, `reads` read streams and one write stream in turn.
Place dma(std::uint64_t i, const Shape& shape, std::uint64_t skew) {
  const std::uint64_t bursts = 512 / shape.burst;
  const std::uint64_t chunk = i / (5 * bursts);
  const std::uint64_t stream = i / bursts % 5;
  return {stream * (32 * kMebi + skew) + chunk * 512 + i % bursts * shape.burst, stream == 4};
}

Place two_streams(std::uint64_t i, const Shape& shape, std::uint64_t distance) {
  return {i % 2 * distance + i / 2 * shape.burst, false};
}

struct NamedStream {
  const char* name;
  PlaceOf place;
};

std::uint64_t random_burst(std::uint64_t i, const Shape& s) {
  return hash(i) % (kRegion / s.burst) * s.burst;
}
std::uint64_t half_way(const Shape& s) { return kRegion / 2 + s.banks / 2 * s.row; }

constexpr NamedStream kStreams[] = {
    {"seq_read", [](std::uint64_t i, const Shape& s) { return Place(i * s.burst % kRegion, false); }},
    {"seq_write", [](std::uint64_t i, const Shape& s) { return Place(i * s.burst % kRegion, true); }},
    {"rand_read", [](std::uint64_t i, const Shape& s) { return Place(random_burst(i, s), false); }},
    {"rand_write", [](std::uint64_t i, const Shape& s) { return Place(random_burst(i, s), true); }},
    {"rand_2r1w",
     [](std::uint64_t i, const Shape& s) { return Place(random_burst(i, s), hash(i + 0xABCDEF) % 3 == 0); }},
    {"two_seq_same_bank", [](std::uint64_t i, const Shape& s) { return two_streams(i, s, kRegion / 2); }},
    {"two_seq_diff_bank", [](std::uint64_t i, const Shape& s) { return two_streams(i, s, half_way(s)); }},
    {"dma_4r1w", [](std::uint64_t i, const Shape& s) { return dma(i, s, s.row); }},
    {"dma_4r1w_aligned", [](std::uint64_t i, const Shape& s) { return dma(i, s, 0); }},
    {"copy_512",
     [](std::uint64_t i, const Shape& s) {
       const std::uint64_t bursts = 512 / s.burst;
       const std::uint64_t write = i / bursts % 2;
       return Place(write * half_way(s) + i / (2 * bursts) * 512 + i % bursts * s.burst, write == 1);
     }},
    {"row_conflict",
     [](std::uint64_t i, const Shape& s) { return Place(i * s.row * s.banks % kRegion, false); }},
    {"bank_rotate", [](std::uint64_t i, const Shape& s) { return Place(i * s.row % kRegion, false); }}};

template <class Number>
bool parse_number(const std::string& text, Number& value, int base) {
  const std::size_t skip = base == 16 && (text.starts_with("0x") || text.starts_with("0X")) ? 2 : 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data() + skip, end, value, base);
  return status == std::errc() && stop == end;
}

TimedRequest parse_line(const std::string& line, const std::string& where) {
  std::istringstream words(line);
  std::string clock;
  std::string kind;
  std::string address;
  std::string more;
  words >> clock >> kind >> address;
  TimedRequest request;
  const bool good = parse_number(clock, request.earliest, 10) && request.earliest >= 0 &&
                    (kind == "R" || kind == "W") && parse_number(address, request.address, 16) &&
                    !(words >> more);
  if (!good) throw UserError(fmt::format("{}: expected 'clock R|W hexaddress', got '{}'", where, line));
  request.write = kind == "W";
  return request;
}

}  // namespace

std::vector<std::string> stream_names() {
  std::vector<std::string> names;
  for (const NamedStream& stream : kStreams) names.emplace_back(stream.name);
  return names;
}

RequestStream named_stream(const std::string& name, const DramRules& rules, std::int64_t rate_percent,
                           std::int64_t channels) {
  const Shape shape{static_cast<std::uint64_t>(rules.burst_bytes),
                    static_cast<std::uint64_t>(rules.burst_bytes * rules.columns * channels),
                    static_cast<std::uint64_t>(rules.bank_groups * rules.banks_per_group)};
  for (const NamedStream& stream : kStreams) {
    if (name != stream.name) continue;
    return [place_of = stream.place, shape, percent = rate_percent * channels,
            burst = rate_percent >= 100 ? 0 : rules.burst_clocks](std::int64_t i) {
      const auto [address, write] = place_of(static_cast<std::uint64_t>(i), shape);
      return TimedRequest{i * burst * 100 / percent, address, write};
    };
  }
  throw UserError(fmt::format("no stream '{}'{}; expected one of {}", name, suggestion(name, stream_names()),
                              fmt::join(stream_names(), ", ")));
}

std::vector<TimedRequest> read_request_trace(const std::string& path,
                                             const std::function<void(std::uint64_t)>& check) {
  std::ifstream in(path);
  if (!in) throw UserError(fmt::format("{}: cannot be read", path));
  std::vector<TimedRequest> requests;
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", path, number);
    const TimedRequest request = parse_line(line, where);
    if (request.earliest > kMostClock) {
      throw UserError(fmt::format("{}: clock {}, expected at most 2^36 (DRAM command clocks, no picoseconds)",
                                  where, request.earliest));
    }
    if (!requests.empty() && request.earliest < requests.back().earliest) {
      throw UserError(fmt::format("{}: clock {} is before the previous line's {}", where, request.earliest,
                                  requests.back().earliest));
    }
    try {
      check(request.address);
    } catch (const UserError& error) {
      throw UserError(fmt::format("{}: {}", where, error.what()));
    }
    requests.push_back(request);
  }
  if (requests.empty()) throw UserError(fmt::format("{}: no request, expected at least one", path));
  return requests;
}

ReplayResult replay(DramController& controller, const RequestStream& stream, std::int64_t count,
                    std::int64_t per_clock, const std::function<void()>& observe) {
  ReplayResult result;
  result.requests = count;
  std::vector<std::int64_t> accepted(static_cast<std::size_t>(count), -1);
  std::int64_t outstanding = 0;
  const std::int64_t start = controller.now();
  std::int64_t end = start;
  std::int64_t accepted_now = 0;
  const auto advance_to = [&](std::int64_t clock) {
    // In steps, so that whoever observes takes in an idle time's refreshes bit by bit.
    while (observe && clock - controller.now() > kStep) {
      controller.advance_to(controller.now() + kStep);
      observe();
    }
    controller.advance_to(clock);
    accepted_now = 0;
    for (const ReadDone& one : controller.done()) {
      const std::int64_t latency = one.clock - accepted[one.id];
      result.read_latencies.push_back(latency);
      end = std::max(end, one.clock);
      --outstanding;
    }
    controller.done().clear();
    if (observe) observe();
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const TimedRequest request = stream(i);
    if (accepted_now == per_clock) advance_to(controller.now() + 1);
    if (start + request.earliest > controller.now()) advance_to(start + request.earliest);
    while (!controller.push({request.address, static_cast<std::uint32_t>(i), request.write})) {
      advance_to(controller.next_event() + 1);
    }
    accepted[static_cast<std::size_t>(i)] = controller.now();
    if (!request.write) ++outstanding;
    ++accepted_now;
  }
  advance_to(controller.now() + 1);
  end = std::max(end, controller.now());
  while (outstanding > 0) advance_to(controller.next_event() + 1);
  // The clock in which the last data returns is still a clock of the run.
  if (end > controller.now()) advance_to(++end);
  result.clocks = end - start;
  return result;
}

}  // namespace npusim::mem
