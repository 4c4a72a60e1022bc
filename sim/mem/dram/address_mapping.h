// Which bits of an address select the row, bank, column of a channel.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/mem/dram/rules.h"

namespace npusim::mem {

/// A burst's place in its channel.
struct DramAddress {
  std::int32_t rank = 0;
  std::int32_t group = 0;  ///< bank group within the rank
  std::int32_t bank = 0;   ///< within the group
  std::int32_t column = 0;
  std::int64_t row = 0;
};

/// A bijection of burst-aligned byte addresses to bursts.
///
/// Written as a list of fields from the most significant bit down, ra rank, bg bank group, ba bank within the
/// group, ro row, co column (in bursts): "ro ba bg co". A field may be cut into bit ranges, "ro co[6:2] ba bg
/// co[1:0]". Terms "ba^ro" xor a field with the low bits of the row, "ba[1]^ro[3]" one bit with one of the
/// row. Fields of no bits (one rank, one group) may be left out.
class AddressMapping {
 public:
  /// Throws UserError, starting with `where`, for unknown fields, for bits that are missing or given twice
  /// and for an xor with anything but the row.
  AddressMapping(const DramRules& rules, const std::string& text, const std::string& where);

  /// Decodes the address of a burst. Throws UserError for addresses that are not a multiple of the burst, or
  /// beyond the channel's capacity.
  [[nodiscard]] DramAddress decode(std::uint64_t address) const {
    if ((address & byte_mask_) != 0 || address >= capacity_) refuse(address);
    std::array<std::uint64_t, 5> fields{};
    for (const Piece& piece : pieces_) {
      fields[piece.field] |= (address >> piece.from & piece.mask) << piece.to;
    }
    for (const Xor& one : xors_) {
      fields[one.field] ^= (fields[kRow] >> one.from & one.mask) << one.to;
    }
    return {static_cast<std::int32_t>(fields[kRank]), static_cast<std::int32_t>(fields[kGroup]),
            static_cast<std::int32_t>(fields[kBank]), static_cast<std::int32_t>(fields[kColumn]),
            static_cast<std::int64_t>(fields[kRow])};
  }
  /// Bytes of the channel.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr std::size_t kRank = 0, kGroup = 1, kBank = 2, kRow = 3, kColumn = 4;
  struct Piece {
    std::size_t field = 0;
    int from = 0;  ///< lowest bit in the address
    int to = 0;    ///< lowest bit in the field
    std::uint64_t mask = 0;
  };
  struct Xor {
    std::size_t field = 0;
    int from = 0;  ///< lowest bit in the row
    int to = 0;
    std::uint64_t mask = 0;
  };
  struct Bits;
  [[nodiscard]] Bits parse_bits(const std::string& word) const;
  void add_xor(const std::string& word);
  [[noreturn]] void refuse(std::uint64_t address) const;
  [[noreturn]] void fail(const std::string& why) const;

  std::string text_;
  std::string where_;
  std::array<int, 5> widths_{};
  std::uint64_t byte_mask_ = 0;
  std::uint64_t capacity_ = 0;
  std::vector<Piece> pieces_;
  std::vector<Xor> xors_;
};

/// A mapping in words: fields as AddressMapping takes them are left as they are; the simulators' short form
/// "RoBaCo" becomes "ro ba co"; "auto" is RoRaBaCo, with bank group bits at the bottom where there are any.
/// The rank is prepended where it has no bits and the short form does not name it.
std::string mapping_fields(const std::string& text, const DramRules& rules);

}  // namespace npusim::mem
