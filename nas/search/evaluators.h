// Who says how good a network is, besides its latency. A result always names the evaluator that gave it; only
// what trains or looks up trained networks may be called accuracy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nas/jobs/store.h"
#include "nas/space/space.h"
#include "workloads/ir/graph.h"

namespace npusim::search {

/// A network to be judged.
struct Candidate {
  std::string encoding;
  const ir::Graph* graph = nullptr;
};

/// More is better.
struct Score {
  double value = 0;
  std::string failure;  ///< why there is no value; "" when there is one
};

class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// "proxy:synflow", "table:FILE", "command:PROGRAM".
  [[nodiscard]] virtual std::string name() const = 0;
  /// What the number is, for headings: "synflow (a proxy)", "accuracy".
  [[nodiscard]] virtual std::string measure() const = 0;
  /// Everything but the network that the numbers depend on, for the store; "" when they need not be kept.
  [[nodiscard]] virtual std::string identity() const = 0;
  /// Whether npusim computes the numbers: another build's may then differ, and are not reused.
  [[nodiscard]] virtual bool built_in() const { return true; }
  /// Called with each score as it arrives, in any order, with the candidate's index.
  using Arrived = std::function<void(std::size_t, const Score&)>;
  /// Judges all. Throws UserError when the evaluator as a whole does not work.
  virtual void evaluate(const std::vector<Candidate>& candidates, const Arrived& arrived) = 0;
};

/// Of a user's program.
struct CommandOptions {
  double timeout_s = 3600;  ///< of one network, from when the program is silent
  std::size_t retries = 1;  ///< of a network whose program died or was silent
  std::string folder;       ///< where the networks' ONNX files are put while they are judged
};

struct EvaluatorOptions {
  std::string kind = "proxy:synflow";  ///< or "proxy:naswot", ..., "table:FILE", "command:PROGRAM"
  std::size_t workers = 1;
  std::uint64_t seed = 1;  ///< of proxies' weights and inputs
  CommandOptions command;
};
/// `space` is null for networks of no space, of which no table knows. Throws UserError for an unknown kind,
/// with the nearest, and for what the file or the space lacks.
std::unique_ptr<Evaluator> make_evaluator(const EvaluatorOptions& options, const space::Space* space);

/// Judges all candidates: those the store knows are not judged again, new scores are stored at once. Gives
/// the scores by candidate.
std::vector<Score> scores_of(Evaluator& evaluator, const std::vector<Candidate>& candidates,
                             jobs::Store* store, const std::string& version);

/// A program that reads {"id", "onnx", "encoding"} and writes {"id", "accuracy"}, a line each.
std::unique_ptr<Evaluator> make_command_evaluator(const std::string& program, const CommandOptions& options);
/// A CSV file of encoding,accuracy. Throws UserError naming the line.
std::unique_ptr<Evaluator> make_table_evaluator(const std::string& file, const space::Space& space);

}  // namespace npusim::search
