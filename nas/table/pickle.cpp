#include "nas/table/pickle.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "sim/base/error.h"

namespace npusim::table {
namespace {

// Opcodes of Lib/pickletools.py.
constexpr char kEmptyDict = '}', kEmptyList = ']', kMark = '(', kSetItems = 'u', kAppends = 'e', kStop = '.';
constexpr char kUnicode = 'X', kFloat = 'G', kInt = 'J', kNone = 'N', kTrue = '\x88', kFalse = '\x89';

void add_bytes(std::string& out, std::uint64_t value, int count, bool big_endian) {
  for (int i = 0; i < count; ++i) {
    const int shift = 8 * (big_endian ? count - 1 - i : i);
    out += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU);
  }
}

void add_text(std::string& out, const std::string& text) {
  out += kUnicode;
  add_bytes(out, text.size(), 4, false);
  out += text;
}

void add(std::string& out, const nlohmann::ordered_json& value) {  // NOLINT(misc-no-recursion)
  if (value.is_object()) {
    out += kEmptyDict;
    out += kMark;
    for (const auto& item : value.items()) {
      add_text(out, item.key());
      add(out, item.value());
    }
    out += kSetItems;
  } else if (value.is_array()) {
    out += kEmptyList;
    out += kMark;
    for (const auto& item : value) add(out, item);
    out += kAppends;
  } else if (value.is_string()) {
    add_text(out, value.get<std::string>());
  } else if (value.is_boolean()) {
    out += value.get<bool>() ? kTrue : kFalse;
  } else if (value.is_number_float()) {
    out += kFloat;
    add_bytes(out, std::bit_cast<std::uint64_t>(value.get<double>()), 8, true);
  } else if (value.is_number()) {
    const auto number = value.get<std::int64_t>();
    ensure(number >= std::numeric_limits<std::int32_t>::min() &&
               number <= std::numeric_limits<std::int32_t>::max(),
           "an integer of 32 bits in a pickle");
    out += kInt;
    add_bytes(out, static_cast<std::uint32_t>(static_cast<std::int32_t>(number)), 4, false);
  } else {
    out += kNone;
  }
}

}  // namespace

std::string to_pickle(const nlohmann::ordered_json& value) {
  std::string out = "\x80\x02";
  add(out, value);
  return out + kStop;
}

}  // namespace npusim::table
