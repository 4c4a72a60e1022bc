#include "hw_models/edgetpu/clocked/mover.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/program/storage.h"

namespace npusim::edgetpu::clocked {

namespace {

/// Work that an edge does on a word, and that a word of cycles_per_word = 1 takes.
constexpr std::int64_t kEdge = 1000;

/// Words of a region, in order, around and around.
class Words {
 public:
  Words() = default;
  Words(const program::Region& region, std::int64_t bytes) : wide_(region.space == space_id(Space::wide)) {
    program::for_each_run(region, [&](std::int64_t offset) {
      for (std::int64_t at = 0; at < region.bytes; at += bytes) at_.push_back(offset + at);
    });
  }
  [[nodiscard]] std::int64_t count() const { return std::ssize(at_); }
  [[nodiscard]] std::span<std::byte> word(const Bank& bank, std::int64_t i, std::int64_t bytes) const {
    const std::int64_t at = at_[static_cast<std::size_t>(i % count())];
    return wide_ ? bank.wide(at, bytes) : bank.narrow(at, bytes);
  }

 private:
  bool wide_ = false;
  std::vector<std::int64_t> at_;
};

}  // namespace

struct Mover::State {
  Faults faults;
  Words from, to;
  std::vector<Bank> banks;
  std::int64_t total = 0, moved = 0;
  std::int64_t work = 0;  ///< that has been done on the word under way, in 1/kEdge of an edge
};

Mover::Mover(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults)
    : Engine(name, spec), state_(std::make_unique<State>()) {
  state_->faults = faults;
}

Mover::~Mover() = default;

void Mover::latch(const program::Program& program, const program::Command& command,
                  program::Storage& storage) {
  State& m = *state_;
  m.from = m.to = {};
  for (const auto& region : program.regions_of(command)) {
    Words words(region, spec().dot);
    Words& end = region.write ? m.to : m.from;
    if (words.count() > end.count()) end = std::move(words);
  }
  ensure(m.from.count() > 0, "a mover reads");
  m.banks.clear();
  for (std::int64_t tile = 0; tile < spec().tiles(); ++tile) m.banks.emplace_back(spec(), storage, tile);
  m.total = std::max(m.from.count(), m.to.count());
  m.moved = m.work = 0;
}

bool Mover::edge() {
  State& m = *state_;
  m.work += kEdge * (m.faults.wide_words ? 2 : 1);
  const std::int64_t needed = spec().spill_millicycles_per_word;
  for (; m.moved < m.total && m.work >= needed; ++m.moved) {
    m.work -= needed;
    if (m.to.count() == 0) continue;
    for (const Bank& bank : m.banks) {
      const auto word = m.from.word(bank, m.moved, spec().dot);
      std::copy(word.begin(), word.end(), m.to.word(bank, m.moved, spec().dot).begin());
    }
  }
  return m.moved < m.total;
}

}  // namespace npusim::edgetpu::clocked
