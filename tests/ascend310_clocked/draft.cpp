#include "tests/ascend310_clocked/draft.h"

#include <utility>

#include "sim/base/half.h"

namespace npusim::ascend310::test {

Draft::Draft(const program::Target& target, Pipe pipe, Opcode opcode,
             std::initializer_list<std::int64_t> args) {
  program_.target = &target;
  program::Command command;
  command.queue = queue_id(0, pipe);
  command.opcode = opcode;
  std::size_t i = 0;
  for (const std::int64_t arg : args) command.args.at(i++) = static_cast<std::int32_t>(arg);
  program_.commands.push_back(command);
}

program::Region& Draft::region(Memory memory, bool write, std::int64_t offset, std::int64_t bytes) {
  program::Region region;
  region.space = space_id(0, memory);
  region.write = write;
  region.offset = offset;
  region.bytes = bytes;
  program_.regions.push_back(region);
  ++program_.commands.front().region_count;
  return program_.regions.back();
}

void Draft::setting(program::Setting setting) {
  program_.commands.front().setting = static_cast<std::uint32_t>(program_.settings.size());
  program_.settings.push_back(std::move(setting));
}

void fill_half(std::span<std::byte> bytes, Rng& rng) {
  for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
    const std::uint64_t bits = rng.next();
    const auto number = static_cast<float>(static_cast<std::int64_t>(bits % 8191) - 4095) / 1024.0F;
    write(bytes, static_cast<std::int64_t>(i), half_bits((bits >> 60U) == 0 ? 0.0F : number));
  }
}

void fill_bytes(std::span<std::byte> bytes, Rng& rng) {
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.next() >> 56U);
}

std::int64_t near(Rng& rng, std::int64_t low, std::int64_t high, std::initializer_list<std::int64_t> edges) {
  if (rng.uniform(0, 4) < 2) return rng.uniform(low, high);
  return edges.begin()[rng.uniform(0, static_cast<std::int64_t>(edges.size()) - 1)];
}

}  // namespace npusim::ascend310::test
