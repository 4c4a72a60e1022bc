#include "hw_models/midap/clocked/carry_save.h"

#include <vector>

namespace npusim::midap::clocked {

std::int32_t carry_save_sum(std::int32_t accumulator, std::span<const std::int32_t> products) {
  thread_local std::vector<std::uint32_t> words;
  words.assign(products.begin(), products.end());
  words.push_back(static_cast<std::uint32_t>(accumulator));
  while (words.size() > 2) {
    const std::size_t triples = words.size() / 3;
    const std::size_t rest = words.size() % 3;
    for (std::size_t i = 0; i < triples; ++i) {
      const std::uint32_t a = words[3 * i];
      const std::uint32_t b = words[3 * i + 1];
      const std::uint32_t c = words[3 * i + 2];
      words[2 * i] = a ^ b ^ c;
      words[2 * i + 1] = ((a & b) | (a & c) | (b & c)) << 1U;
    }
    for (std::size_t i = 0; i < rest; ++i) words[2 * triples + i] = words[3 * triples + i];
    words.resize(2 * triples + rest);
  }
  std::uint32_t sum = 0;
  for (const std::uint32_t word : words) sum += word;
  return static_cast<std::int32_t>(sum);
}

}  // namespace npusim::midap::clocked
