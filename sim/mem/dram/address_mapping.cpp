#include "sim/mem/dram/address_mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::mem {

namespace {

const std::vector<std::string>& field_names() {
  static const std::vector<std::string> names = {"ra", "bg", "ba", "ro", "co"};
  return names;
}

int width_of(std::int64_t count) { return std::bit_width(static_cast<std::uint64_t>(count)) - 1; }

bool read_number(std::string_view text, int& value) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  return status == std::errc() && end == text.data() + text.size() && value >= 0;
}

}  // namespace

struct AddressMapping::Bits {
  std::size_t field = 0;
  int low = 0;
  int width = 0;
};

void AddressMapping::fail(const std::string& why) const {
  throw UserError(fmt::format("{}: address mapping '{}': {}", where_, text_, why));
}

void AddressMapping::refuse(std::uint64_t address) const {
  if (address >= capacity_) {
    throw UserError(fmt::format("address {:#x} is beyond the channel's {} bytes", address, capacity_));
  }
  throw UserError(
      fmt::format("address {:#x} is not a multiple of the {} bytes of a burst", address, byte_mask_ + 1));
}

AddressMapping::Bits AddressMapping::parse_bits(const std::string& word) const {
  const auto open = word.find('[');
  const std::string name = word.substr(0, open);
  const auto found = std::find(field_names().begin(), field_names().end(), name);
  if (found == field_names().end()) {
    fail(fmt::format("unknown field '{}', expected one of {}", name, fmt::join(field_names(), ", ")));
  }
  Bits bits;
  bits.field = static_cast<std::size_t>(found - field_names().begin());
  bits.width = widths_[bits.field];
  if (open == std::string::npos) return bits;
  const std::string range = word.substr(open + 1, word.size() - open - 2);
  const auto colon = range.find(':');
  int high = 0;
  const bool numbers = word.back() == ']' && read_number(range.substr(0, colon), high) &&
                       (colon == std::string::npos || read_number(range.substr(colon + 1), bits.low));
  if (!numbers) fail(fmt::format("'{}' is no bit or range of bits such as {}[3:0]", word, name));
  if (colon == std::string::npos) bits.low = high;
  if (high < bits.low || high >= bits.width) {
    fail(fmt::format("'{}': the field has bits {} to 0", word, bits.width - 1));
  }
  bits.width = high - bits.low + 1;
  return bits;
}

void AddressMapping::add_xor(const std::string& word) {
  const auto hat = word.find('^');
  const Bits target = parse_bits(word.substr(0, hat));
  const Bits source = parse_bits(word.substr(hat + 1));
  if (source.field != kRow || target.field == kRow) {
    fail(fmt::format("'{}': only other fields can be xored, and only with the row", word));
  }
  const int width = std::min(target.width, source.width);
  xors_.push_back({target.field, source.low, target.low, (UINT64_C(1) << static_cast<unsigned>(width)) - 1});
}

AddressMapping::AddressMapping(const DramRules& rules, const std::string& text, const std::string& where)
    : text_(text), where_(where) {
  widths_ = {width_of(rules.ranks), width_of(rules.bank_groups), width_of(rules.banks_per_group),
             width_of(rules.rows), width_of(rules.columns)};
  byte_mask_ = static_cast<std::uint64_t>(rules.burst_bytes) - 1;
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  std::array<std::uint64_t, 5> covered{};
  int bit = width_of(rules.burst_bytes);
  std::reverse(words.begin(), words.end());  // from the lowest bit up
  for (const std::string& word : words) {
    if (word.find('^') != std::string::npos) {
      add_xor(word);
      continue;
    }
    const Bits bits = parse_bits(word);
    const std::uint64_t mask = (UINT64_C(1) << static_cast<unsigned>(bits.width)) - 1;
    if ((covered[bits.field] & mask << bits.low) != 0) {
      fail(fmt::format("bits of '{}' are given twice", field_names()[bits.field]));
    }
    covered[bits.field] |= mask << bits.low;
    if (bits.width > 0) pieces_.push_back({bits.field, bit, bits.low, mask});
    bit += bits.width;
  }
  for (std::size_t field = 0; field < widths_.size(); ++field) {
    const int got = std::popcount(covered[field]);
    if (got != widths_[field]) {
      fail(fmt::format("'{}' has {} bits, but {} are mapped", field_names()[field], widths_[field], got));
    }
  }
  capacity_ = UINT64_C(1) << static_cast<unsigned>(bit);
}

std::string mapping_fields(const std::string& text, const DramRules& rules) {
  if (text.find_first_of(" [") != std::string::npos) return text;
  const std::string name = text != "auto" ? text : rules.bank_groups > 1 ? "RoRaBaCoBg" : "RoRaBaCo";
  std::string fields;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (i % 2 == 0 && i > 0) fields += ' ';
    fields += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return rules.ranks > 1 || fields.find("ra") != std::string::npos ? fields : "ra " + fields;
}

}  // namespace npusim::mem
