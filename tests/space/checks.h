// What every space must keep, as functions.
#pragma once

#include <string>

#include "nas/space/space.h"
#include "sim/base/error.h"

namespace npusim::space {

/// The message of the UserError that `call` throws; "" when it throws none.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// Genomes that go through encode() and back, mutate and cross, from `samples` draws.
void check_random_genomes(const Space& space, int samples);
/// at() numbers all networks: `count()` different canonical genomes, different encodings, then none.
void check_enumeration(const Space& space);
/// Chi-square over all networks of an enumerable space is below the 99.9 % point.
void check_uniform_sampling(const Space& space, int draws_per_network);
/// A block alone is what its name builds in the zoo; names are unique; samples have listed blocks only.
void check_blocks(const Space& space, int samples);

}  // namespace npusim::space
