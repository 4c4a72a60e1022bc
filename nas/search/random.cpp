// Random search: uniform, no network twice.
#include "nas/search/rounds.h"

namespace npusim::search {

namespace {

class Random : public Rounds {
 public:
  Random(const space::Space& space, const StrategyOptions& options) : Rounds(space, options) {}

 private:
  void propose() override { offer_random(options().batch); }
  void learn(const std::vector<Evaluation>&) override {}
};

}  // namespace

std::unique_ptr<Strategy> make_random(const space::Space& space, const StrategyOptions& options) {
  return std::make_unique<Random>(space, options);
}

}  // namespace npusim::search
