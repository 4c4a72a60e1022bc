// Spaces whose genes are independent: every combination of choices is a network.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nas/space/space.h"
#include "workloads/zoo/size.h"

namespace npusim::space {

class ProductSpace : public Space {
 public:
  [[nodiscard]] double count() const override;
  [[nodiscard]] std::optional<Genome> at(std::uint64_t index) const override;
  [[nodiscard]] Genome sample(Rng& rng) const override;

 protected:
  using Space::Space;
};

/// EDSR with three residual blocks of 64 features, doubling an image: kernel 1 or 3 of each convolution, the
/// activation, the upsampling. Encodings are the zoo's text behind "edsr:". The long skip adds the first
/// convolution's result; its block alone adds its input to itself.
std::unique_ptr<Space> make_edsr(const std::string& name, zoo::Size image);

/// Six macro-architectures by depth and width.
std::unique_ptr<Space> make_patterns(const std::string& name, zoo::Size image);

/// The 15,625 cells of NAS-Bench-201 in its network for CIFAR-10. Encodings are the six edges' operations as
/// zoo::CellOp numbers them. Cells that compute the same are different networks here, as in the benchmark.
std::unique_ptr<Space> make_nb201(const std::string& name, zoo::Size image);

}  // namespace npusim::space
