// The address generators of MTE1: what the port fetches for load2d and load3d, in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/spec.h"

namespace npusim::ascend310::clocked {

/// A line of a fractal on its way to L0.
struct Line {
  std::int64_t to = 0;  ///< byte in the destination
  std::array<std::byte, kBlock> bytes{};
};

/// Address registers of a load. Each call of fetch() is one access to L1.
class Walk {
 public:
  virtual ~Walk() = default;
  [[nodiscard]] virtual bool done() const = 0;
  /// Bytes of port time that the next fetch takes.
  [[nodiscard]] virtual std::int64_t fetch_bytes() const = 0;
  /// Does the next fetch: appends the lines it completes.
  virtual void fetch(std::vector<Line>& lines) = 0;
};

/// load2d of fractals as they lie: the destination is the source, line by line.
class PlainWalk final : public Walk {
 public:
  explicit PlainWalk(std::vector<std::span<const std::byte>> runs);
  [[nodiscard]] bool done() const override { return run_ == runs_.size(); }
  [[nodiscard]] std::int64_t fetch_bytes() const override { return kBlock; }
  void fetch(std::vector<Line>& lines) override;

 private:
  std::vector<std::span<const std::byte>> runs_;
  std::size_t run_ = 0, at_ = 0;
  std::int64_t to_ = 0;
};

/// Counters over the fractals of a destination and the 16 lines of each. K is the fastest in L0A, the slowest
/// in L0B.
struct FractalCounter {
  std::int64_t fractals = 1, depth = 1;  ///< along M or N, along K
  bool k_fastest = true;
  std::int64_t fractal = 0, k = 0, line = 0;
  [[nodiscard]] bool done() const { return k_fastest ? fractal == fractals : k == depth; }
  /// Byte of the present line in the destination.
  [[nodiscard]] std::int64_t to() const;
  void next_line();
};

/// load2d of lines that lie in planes.
class PlaneWalk final : public Walk {
 public:
  PlaneWalk(std::span<const std::byte> source, const Load2dSetting& setting, FractalCounter counter)
      : source_(source), setting_(setting), at_(counter) {}
  [[nodiscard]] bool done() const override { return at_.done(); }
  [[nodiscard]] std::int64_t fetch_bytes() const override { return kBlock; }
  void fetch(std::vector<Line>& lines) override;

 private:
  void read_line(Line& line) const;
  void read_column(Line& line) const;

  std::span<const std::byte> source_;
  Load2dSetting setting_;
  FractalCounter at_;
};

/// load3d.
class ImageWalk final : public Walk {
 public:
  ImageWalk(std::span<const std::byte> source, const Load3dSetting& setting, FractalCounter counter)
      : source_(source), setting_(setting), at_(counter) {}
  [[nodiscard]] bool done() const override { return at_.done(); }
  [[nodiscard]] std::int64_t fetch_bytes() const override { return fast() ? kFractal : kBlock; }
  void fetch(std::vector<Line>& lines) override;
  /// Whether the stride is one that whole input rows serve.
  [[nodiscard]] bool fast() const;

 private:
  /// Pixels of the input between neighbours in an output row, as the port meets them.
  [[nodiscard]] std::int64_t port_stride() const {
    return setting_.stood_up != 0 ? setting_.stride_h : setting_.stride_w;
  }
  [[nodiscard]] bool must_turn() const;
  void collect(std::vector<Line>& lines);
  void read_pixel(Line& line) const;
  /// The pixel of a plane of L1's window that an output pixel's tap is; -1 for one that is zero.
  [[nodiscard]] std::int64_t window_pixel(std::int64_t pixel, std::int64_t tap) const;

  std::span<const std::byte> source_;
  Load3dSetting setting_;
  FractalCounter at_;
  bool turned_ = false;          ///< the port is in the present pixel's output row
  std::vector<Line> collected_;  ///< lines of the fetch that is not yet complete
};

}  // namespace npusim::ascend310::clocked
