#include "hw_models/edgetpu/patch.h"

#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

Part window_of(const Part& made, std::int64_t stride, std::int64_t pad, std::int64_t kernel,
               std::int64_t dilation) {
  if (made.size == 0) return {};
  const std::int64_t first = made.from * stride - pad;
  const std::int64_t last = (made.end() - 1) * stride - pad + (kernel - 1) * dilation;
  return {first, last - first + 1};
}

}  // namespace

Part part_of(std::int64_t extent, std::int64_t parts, std::int64_t index) {
  Part part;
  for (std::int64_t line = 0; line < extent; ++line) {
    const std::int64_t to = line % parts;
    if (to < index) ++part.from;
    if (to == index) ++part.size;
  }
  return part;
}

Patch::Patch(const Spec& spec, const PhaseSetting& s, std::int64_t tile)
    : s_(s),
      in_rows_(part_of(s.in_h, spec.rows, tile / spec.columns)),
      in_columns_(part_of(s.in_w, spec.columns, tile % spec.columns)),
      out_rows_(part_of(s.out_h, spec.rows, tile / spec.columns)),
      out_columns_(part_of(s.out_w, spec.columns, tile % spec.columns)),
      window_rows_(window_of(out_rows_, s.stride_h, s.top, s.kh, s.dilation_h)),
      window_columns_(window_of(out_columns_, s.stride_w, s.left, s.kw, s.dilation_w)),
      in_pitch_(part_of(s.in_w, spec.columns, 0).size),
      out_pitch_(part_of(s.out_w, spec.columns, 0).size),
      position_bytes_(spec.padded(s.in_c)) {}

bool Patch::in_map(std::int64_t y, std::int64_t x) const {
  return y >= 0 && y < s_.in_h && x >= 0 && x < s_.in_w;
}

std::int64_t Patch::above(std::int64_t line, std::int64_t at) const {
  ensure(line < s_.above && at < in_pitch_, "a row from the north has a place");
  return s_.border_address + (line * in_pitch_ + at) * position_bytes_;
}

std::int64_t Patch::below(std::int64_t line, std::int64_t at) const {
  ensure(line < s_.below && at < in_pitch_, "a row from the south has a place");
  return s_.border_address + ((s_.above + line) * in_pitch_ + at) * position_bytes_;
}

std::int64_t Patch::before(std::int64_t line, std::int64_t at) const {
  ensure(line < s_.before && at < s_.border_rows, "a column from the west has a place");
  const std::int64_t rows = (s_.above + s_.below) * in_pitch_;
  return s_.border_address + (rows + line * s_.border_rows + at) * position_bytes_;
}

std::int64_t Patch::behind(std::int64_t line, std::int64_t at) const {
  ensure(line < s_.behind && at < s_.border_rows, "a column from the east has a place");
  const std::int64_t rows = (s_.above + s_.below) * in_pitch_;
  return s_.border_address + (rows + (s_.before + line) * s_.border_rows + at) * position_bytes_;
}

std::optional<std::int64_t> Patch::input(std::int64_t y, std::int64_t x) const {
  if (!in_map(y, x)) return std::nullopt;
  if (x < in_columns_.from) return before(in_columns_.from - 1 - x, y - window_rows_.from);
  if (x >= in_columns_.end()) return behind(x - in_columns_.end(), y - window_rows_.from);
  const std::int64_t column = x - in_columns_.from;
  if (y < in_rows_.from) return above(in_rows_.from - 1 - y, column);
  if (y >= in_rows_.end()) return below(y - in_rows_.end(), column);
  return s_.in_address + ((y - in_rows_.from) * in_pitch_ + column) * s_.in_width;
}

}  // namespace npusim::edgetpu
