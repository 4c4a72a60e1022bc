// verify() against damage to programs that mappers really made: it is caught, by a message that names the
// commands, or an independent judge agrees that it does no harm.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/program/oracle.h"
#include "tests/verify_mutation/mutations.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

struct Subject {
  std::unique_ptr<hw::Npu> npu;
  Program program;
};

Subject compiled(const std::string& chip, const std::string& network) {
  Subject subject;
  subject.npu = hw::make_npu(hw::describe(chip));
  const ir::Graph graph = passes::run_pipeline(zoo::build(network));
  subject.program = subject.npu->compile(graph, {subject.npu->dtypes().front()}).program;
  return subject;
}

/// What became of a kind's mutants.
struct Score {
  int caught = 0, harmless = 0, otherwise = 0;
};

/// Whether a message of verify() says which command, task or buffer is at fault.
bool names_the_culprit(const std::string& message) {
  return (holds(message, "task '") && (holds(message, "' command ") || holds(message, "MACs"))) ||
         holds(message, "buffers '") || holds(message, "of buffer '");
}

/// Judges a mutant that verify() accepted, by games of the wounded segment: "harmless" when no timing goes
/// wrong and the buffers end up with the symbolic values that they have in the original; "otherwise" when no
/// timing goes wrong but the values differ; else what went wrong.
std::string judge(const Program& original, const Program& mutant, std::size_t task, int games, Rng& rng) {
  SegmentPlayer reference(original, task);
  const std::string broken = reference.play(rng);
  if (!broken.empty()) return "the original: " + broken;
  SegmentPlayer player(mutant, task);
  for (int game = 0; game < games; ++game) {
    const std::string fault = player.play(rng);
    if (!fault.empty()) return fault;
  }
  return player.digest() == reference.digest() ? "harmless" : "otherwise";
}

/// What is damaged, and how often.
struct Trial {
  const char* chip;
  const char* network;
  int mutants;     ///< of each kind
  int games;       ///< of each mutant that verify() accepts
  int kinds = 27;  ///< that find a place; a program of one segment has no barriers to drop
  std::uint64_t seed = 1;
};

void try_mutation(const Program& original, const Draft& draft, const Mutation& mutation, int games, Rng& rng,
                  Score& score) {
  Draft damaged = draft;
  const auto wound = mutation.apply(damaged, rng);
  if (!wound) return;
  const Program mutant = damaged.build();
  const std::string message = verdict(mutant);
  INFO(mutation.name << " at " << wound->where << ": '" << message << "'");
  if (message != kSound) {
    ++score.caught;
    CHECK(names_the_culprit(message));
    return;
  }
  CHECK(!mutation.always_caught);
  const std::string outcome = judge(original, mutant, wound->task, games, rng);
  INFO(outcome);
  CHECK((outcome == "harmless" || (outcome == "otherwise" && mutation.may_compute_otherwise)));
  ++(outcome == "harmless" ? score.harmless : score.otherwise);
}

void hold_against(const Trial& trial) {
  const Subject subject = compiled(trial.chip, trial.network);
  REQUIRE(verdict(subject.program) == kSound);
  const Draft draft(subject.program);
  Rng rng(trial.seed);
  std::string table;
  int kinds = 0;
  for (const Mutation& mutation : mutations()) {
    Score score;
    for (int i = 0; i < trial.mutants; ++i) {
      try_mutation(subject.program, draft, mutation, trial.games, rng, score);
    }
    table += fmt::format("  {:<36} {:3} caught {:3} harmless {:3} otherwise\n", mutation.name, score.caught,
                         score.harmless, score.otherwise);
    kinds += score.caught + score.harmless + score.otherwise > 0 ? 1 : 0;
  }
  INFO(table);
  CHECK(kinds == trial.kinds);
}

}  // namespace

TEST_CASE("damage at 12 random places of each kind to resnet18 on the Ascend 310 is caught or harmless") {
  hold_against({"ascend310", "resnet18", 12, 8, 27, 1});
}

TEST_CASE("damage at 6 random places of each kind to mobilenet_v2 on the Ascend 310 is caught or harmless") {
  hold_against({"ascend310", "mobilenet_v2", 6, 8, 27, 2});
}

TEST_CASE(
    "damage at 3 random places of each kind to mobilenet_v2, one segment on MIDAP, is caught or harmless") {
  hold_against({"midap", "mobilenet_v2", 3, 2, 24, 3});
}

TEST_CASE(
    "an accumulation without its first multiply-add is caught, whether its MACs are missing or moved on") {
  const Subject subject = compiled("ascend310", "resnet18");
  const Draft draft(subject.program);
  int tried = 0;
  for (std::size_t task = 0; task < draft.tasks.size() && tried < 3; ++task) {
    const Commands& commands = draft.tasks[task];
    const auto mac = [](const DraftCommand& command) { return command.head.macs > 0; };
    const auto first = std::find_if(commands.begin(), commands.end(), mac);
    if (first == commands.end()) continue;
    const auto second = std::find_if(first + 1, commands.end(), mac);
    // An accumulating multiply-add reads what it writes: a third scratchpad read.
    if (second == commands.end() || second->regions.size() != first->regions.size() + 1) continue;
    ++tried;
    Draft damaged = draft;
    auto& left_out = damaged.tasks[task][static_cast<std::size_t>(first - commands.begin())];
    left_out.regions.clear();
    const std::string message = verdict(damaged.build());
    INFO(message);
    CHECK(message != kSound);
    CHECK(names_the_culprit(message));
    left_out.head.macs = 0;
    CHECK(verdict(damaged.build()) != kSound);
  }
  CHECK(tried == 3);
}
