// Latency under the chip's guesses: a Latin hypercube of them all, and each on its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/uncertainty/guesses.h"

namespace npusim::uncertainty {

struct StudyOptions {
  std::size_t samples = 100;
  std::uint64_t seed = 1;
};

/// A chip with some guesses changed, which is a job unless it cannot be built.
struct Variant {
  std::vector<std::string> values;  ///< by guess; of a tornado's variant, of its guess alone
  std::size_t job = 0;              ///< of Study::batch
  std::string refused;              ///< why it cannot be built; "" when it can
};

/// What to simulate. The batch's first job is the description as it is.
struct Study {
  StudyOptions options;
  Guesses guesses;
  std::vector<std::vector<Variant>> tornado;  ///< by guess: one for each alternative
  std::vector<Variant> samples;
  std::size_t drawn_again = 0;  ///< samples that contradicted the chip's own rules
  jobs::Batch batch;
};

/// Latin hypercube: each guess takes one value from each of `samples` equal parts of its range, in an order
/// of its own that follows from seed and key. A combination that the chip refuses (a queue's mark above its
/// length) is drawn again, then uniformly. Throws UserError when nothing can be varied, naming what lacks a
/// range, and when a sample finds no combination.
Study plan_study(const Config& description, ir::Graph graph, ir::DType dtype, Guesses guesses,
                 const StudyOptions& options);

/// Latency at one alternative of a guess.
struct Change {
  std::string value;
  bool ran = false;
  double latency_ms = 0;  ///< when it ran
  std::string reason;     ///< when not
};

/// One line of the tornado.
struct Swing {
  std::size_t guess = 0;
  std::vector<Change> changes;  ///< as Guess::alternatives()
  double least_ms = 0;          ///< of these and the description's value
  double most_ms = 0;
  [[nodiscard]] double swing_ms() const { return most_ms - least_ms; }
};

struct Findings {
  jobs::Summary nominal;            ///< at the description's values
  std::vector<double> latencies;    ///< by sample, ms; negative where there is none
  std::vector<std::string> failed;  ///< by sample: why, "" where there is a latency
  std::size_t ran = 0;              ///< samples with a latency
  double p05_ms = 0, median_ms = 0, p95_ms = 0, least_ms = 0, most_ms = 0;
  std::vector<Swing> tornado;  ///< the largest swing first; of equal ones by key
};

/// Throws UserError when the chip as described, or every sample, does not run the network.
Findings find(const Study& study, const jobs::BatchResult& results);

/// The value below which a share `p` of the sorted values lies, linear between neighbours (type 7 of
/// Hyndman and Fan 1996). `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double p);

/// What a report names.
struct Title {
  std::string hw;
  std::string network;
};

/// For people, within 100 columns.
std::string to_text(const Title& title, const Study& study, const Findings& findings);
/// {"schema": "npusim.uncertainty/1", ...}.
std::string to_json(const Title& title, const Study& study, const Findings& findings);
/// A row a sample: each guess' value, and latency_ms, empty where the chip does not run the network.
std::string to_csv(const Study& study, const Findings& findings);

}  // namespace npusim::uncertainty
