// Reads co-runners' profiles and traces.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/base/config.h"
#include "sim/base/error.h"
#include "sim/mem/corunner.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

namespace {

constexpr std::int64_t kMebi = INT64_C(1) << 20U;
/// Of a trace: sums and multiples of its times stay far within 64 bits.
constexpr std::int64_t kMostCycle = INT64_C(1) << 40U;

[[noreturn]] void refuse(const Config& config, const std::string& key, const std::string& expected) {
  throw UserError(
      fmt::format("{}: '{}' is {}, expected {}", config.where(key), key, config.raw(key), expected));
}

/// A positive number with at most three decimals, in thousandths.
std::int64_t thousandths(const Config& config, const std::string& key, double high) {
  const double value = config.number(key, 0.001, high) * 1000;
  const std::int64_t rounded = std::llround(value);
  if (std::abs(value - static_cast<double>(rounded)) > 1e-6) {
    refuse(config, key, "at most three decimals");
  }
  return rounded;
}

void read_rate(const Config& config, CoRunnerProfile& profile) {
  if (config.has("rate_gb_s") == config.has("requests_per_us")) {
    throw UserError(
        fmt::format("{}: expected either 'rate_gb_s' or 'requests_per_us'", config.where("kind")));
  }
  if (config.has("rate_gb_s")) {
    profile.rate_num = thousandths(config, "rate_gb_s", 10'000) * 1'000'000;
    profile.rate_den = profile.pattern.burst_bytes;
  } else {
    profile.rate_num = thousandths(config, "requests_per_us", 100'000) * 1000;
  }
}

void read_range(const Config& config, TrafficPattern& pattern) {
  pattern.base = config.integer("base_mib", 0, INT64_C(1) << 30U) * kMebi;
  pattern.bytes = config.integer("size_mib", 1, INT64_C(1) << 20U) * kMebi;
  pattern.read_percent = config.integer("read_percent", 0, 100);
  if (config.has("seed")) {
    if (pattern.kind != TrafficPattern::Kind::random) refuse(config, "seed", "no seed unless kind is random");
    pattern.seed = static_cast<std::uint64_t>(config.integer("seed", 0, INT64_MAX));
  }
}

void read_trace(const Config& config, const std::string& profile, TrafficPattern& pattern) {
  const std::filesystem::path file = config.text("trace");
  const auto beside = std::filesystem::path(profile).parent_path() / file;
  pattern.trace = read_traffic_trace(file.is_absolute() ? file.string() : beside.string());
  const std::int64_t last = pattern.trace.back().cycle;
  pattern.period = last + 1;
  if (config.has("period_cycles")) {
    pattern.period = config.integer("period_cycles", 1, kMostCycle + 1);
    if (pattern.period <= last) {
      refuse(config, "period_cycles", fmt::format("more than the trace's last cycle, {}", last));
    }
  }
}

/// The fields of a line, without blanks around them.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else if (c != ' ' && c != '\t' && c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

std::int64_t number(const std::string& text, const std::string& where, const char* column) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  std::int64_t value = -1;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
  if (status != std::errc() || stop != end || value < 0) {
    throw UserError(fmt::format("{}: {} '{}', expected a number of at least 0", where, column, text));
  }
  return value;
}

constexpr std::array<const char*, 4> kColumns = {"cycle", "address", "bytes", "direction"};
using Places = std::array<std::size_t, kColumns.size()>;

Places places_of(const std::vector<std::string>& header, const std::string& where) {
  Places places{};
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto found = std::find(header.begin(), header.end(), kColumns[i]);
    if (found == header.end()) {
      throw UserError(
          fmt::format("{}: no column '{}'{}; expected a header with cycle, address, bytes, direction", where,
                      kColumns[i], suggestion(kColumns[i], header)));
    }
    places[i] = static_cast<std::size_t>(found - header.begin());
  }
  return places;
}

TracedAccess access_of(const std::vector<std::string>& fields, const Places& places,
                       const std::string& where) {
  if (fields.size() <= *std::max_element(places.begin(), places.end())) {
    throw UserError(fmt::format("{}: {} columns, expected as many as in the header", where, fields.size()));
  }
  TracedAccess access;
  access.cycle = number(fields[places[0]], where, "cycle");
  access.address = number(fields[places[1]], where, "address");
  access.bytes = number(fields[places[2]], where, "bytes");
  if (access.cycle > kMostCycle) {
    throw UserError(fmt::format("{}: cycle '{}', expected at most 2^40", where, access.cycle));
  }
  if (access.bytes > INT64_MAX - access.address) {
    throw UserError(fmt::format("{}: {} bytes at address '{}', expected an end under 2^63", where,
                                access.bytes, access.address));
  }
  const std::string& direction = fields[places[3]];
  if (access.bytes == 0) throw UserError(fmt::format("{}: bytes '0', expected at least 1", where));
  if (direction != "read" && direction != "write") {
    throw UserError(fmt::format("{}: direction '{}', expected read or write", where, direction));
  }
  access.write = direction == "write";
  return access;
}

}  // namespace

std::vector<TracedAccess> read_traffic_trace(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw UserError(fmt::format("{}: cannot be read", path));
  std::vector<TracedAccess> accesses;
  Places places{};
  bool header = true;
  std::string line;
  for (std::int64_t i = 1; std::getline(in, line); ++i) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", path, i);
    const std::vector<std::string> fields = fields_of(line);
    if (header) {
      places = places_of(fields, where);
      header = false;
      continue;
    }
    const TracedAccess access = access_of(fields, places, where);
    if (!accesses.empty() && access.cycle < accesses.back().cycle) {
      throw UserError(fmt::format("{}: cycle {} is before the previous line's {}", where, access.cycle,
                                  accesses.back().cycle));
    }
    accesses.push_back(access);
  }
  if (accesses.empty()) throw UserError(fmt::format("{}: no access, expected at least one", path));
  return accesses;
}

CoRunnerProfile read_corunner(const std::string& path) {
  const Config config = Config::load(path);
  CoRunnerProfile profile;
  TrafficPattern& pattern = profile.pattern;
  pattern.name = config.text("name");
  const std::vector<std::string> kinds = {"constant", "random", "trace"};
  const std::string kind = config.choice("kind", kinds);
  pattern.kind =
      static_cast<TrafficPattern::Kind>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin());
  pattern.burst_bytes = config.integer("burst_bytes", 1, 4096);
  if ((pattern.burst_bytes & (pattern.burst_bytes - 1)) != 0) refuse(config, "burst_bytes", "a power of two");
  profile.outstanding = config.integer("outstanding", 2, 4096);
  if (config.has("priority")) profile.priority = config.integer("priority", -1000, 1000);
  if (config.has("weight")) profile.weight = config.integer("weight", 1, 1'000'000);
  if (pattern.kind == TrafficPattern::Kind::trace) {
    read_trace(config, path, pattern);
  } else {
    read_range(config, pattern);
    read_rate(config, profile);
  }
  config.finish();
  return profile;
}

}  // namespace npusim::mem
