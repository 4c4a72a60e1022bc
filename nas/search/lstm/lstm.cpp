// A recurrent network that reads an encoding gene by gene and gives one number, as ISyNAS' predictors do
// (arXiv 2109.01932); its sizes, training and ensemble are npusim's.
#include "nas/search/lstm/lstm.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cmath>
#include <numeric>

namespace npusim::search {

namespace {

constexpr std::int64_t kEmbedding = 16, kHidden = 32;
constexpr std::size_t kMembers = 3;
constexpr int kFirstEpochs = 150, kNextEpochs = 15;  ///< further fits go on from the last weights
constexpr double kRate = 0.01, kDecay = 1e-4;
constexpr double kBag = 0.8;  ///< share of rows that a member learns from

struct NetImpl : torch::nn::Module {
  NetImpl(std::int64_t tokens)
      : embedding(register_module("embedding", torch::nn::Embedding(tokens, kEmbedding))),
        lstm(register_module("lstm",
                             torch::nn::LSTM(torch::nn::LSTMOptions(kEmbedding, kHidden).batch_first(true)))),
        head(register_module("head", torch::nn::Linear(kHidden, 1))) {}

  /// Tokens (rows x genes) to numbers (rows).
  torch::Tensor forward(const torch::Tensor& tokens) {
    const torch::Tensor states = std::get<0>(lstm->forward(embedding->forward(tokens)));
    return head->forward(states.select(1, -1)).squeeze(1);
  }

  torch::nn::Embedding embedding;
  torch::nn::LSTM lstm;
  torch::nn::Linear head;
};
TORCH_MODULE(Net);

class Lstm : public SurrogateModel {
 public:
  Lstm(const std::size_t* sizes, std::size_t genes) : sizes_(sizes, sizes + genes) {
    // One thread: results do not depend on the machine, and forked workers find no pool of threads.
    at::set_num_threads(1);
    tokens_ = static_cast<std::int64_t>(std::accumulate(sizes_.begin(), sizes_.end(), std::size_t{0}));
  }

  void fit(const std::vector<space::Genome>& genomes, const std::vector<double>& targets,
           std::uint64_t seed) override {
    torch::manual_seed(seed);
    const torch::Tensor tokens = tokens_of(genomes);
    const torch::Tensor values = torch::tensor(targets, torch::kFloat64);
    mean_ = values.mean().item<double>();
    const double deviation = targets.size() > 1 ? values.std(false).item<double>() : 0;
    scale_ = deviation > 0 ? deviation : 1;
    const torch::Tensor wanted = ((values - mean_) / scale_).to(torch::kFloat32);
    const bool first = members_.empty();
    double errors = 0, unseen = 0;
    for (std::size_t m = 0; m < kMembers; ++m) {
      if (first) members_.emplace_back(tokens_);
      // Which rows a member does not learn from stays the same as rows are added.
      const torch::Tensor inside = inside_of(genomes.size(), m);
      train(members_[m], tokens, wanted, inside, first ? kFirstEpochs : kNextEpochs);
      const torch::NoGradGuard guard;
      const torch::Tensor off = (members_[m]->forward(tokens) - wanted) * (1 - inside);
      errors += off.square().sum().item<double>();
      unseen += (1 - inside).sum().item<double>();
    }
    noise_ = unseen > 0 ? scale_ * std::sqrt(errors / unseen) : 0;
  }

  [[nodiscard]] std::vector<std::vector<double>> predict(
      const std::vector<space::Genome>& genomes) const override {
    const torch::NoGradGuard guard;
    const torch::Tensor tokens = tokens_of(genomes);
    std::vector<std::vector<double>> predictions(genomes.size());
    for (Net member : members_) {
      const torch::Tensor out = member->forward(tokens).to(torch::kFloat64).contiguous();
      const double* const values = out.data_ptr<double>();
      for (std::size_t i = 0; i < genomes.size(); ++i) predictions[i].push_back(mean_ + scale_ * values[i]);
    }
    return predictions;
  }

  [[nodiscard]] double noise() const override { return noise_; }

 private:
  /// Each gene's choices are tokens of their own.
  [[nodiscard]] torch::Tensor tokens_of(const std::vector<space::Genome>& genomes) const {
    std::vector<std::int64_t> codes;
    for (const space::Genome& genome : genomes) {
      std::int64_t before = 0;
      for (std::size_t g = 0; g < sizes_.size(); ++g) {
        codes.push_back(before + genome[g]);
        before += static_cast<std::int64_t>(sizes_[g]);
      }
    }
    const auto rows = static_cast<std::int64_t>(genomes.size()),
               genes = static_cast<std::int64_t>(sizes_.size());
    return torch::tensor(codes, torch::kInt64).reshape({rows, genes});
  }

  /// By row 1 where the member learns from it, else 0.
  static torch::Tensor inside_of(std::size_t rows, std::size_t member) {
    const at::Generator generator = at::detail::createCPUGenerator(member + 1);
    const torch::Tensor draws = torch::rand({static_cast<std::int64_t>(rows)}, generator);
    return (draws < kBag).to(torch::kFloat32);
  }

  static void train(Net& net, const torch::Tensor& tokens, const torch::Tensor& wanted,
                    const torch::Tensor& inside, int epochs) {
    torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(kRate).weight_decay(kDecay));
    const torch::Tensor total = inside.sum().clamp_min(1);
    for (int epoch = 0; epoch < epochs; ++epoch) {
      optimizer.zero_grad();
      const torch::Tensor loss = ((net->forward(tokens) - wanted).square() * inside).sum() / total;
      loss.backward();
      optimizer.step();
    }
  }

  std::vector<std::size_t> sizes_;
  std::int64_t tokens_ = 0;
  std::vector<Net> members_;
  double mean_ = 0, scale_ = 1, noise_ = 0;
};

}  // namespace

}  // namespace npusim::search

npusim::search::SurrogateModel* npusim_make_lstm(const std::size_t* sizes, std::size_t genes) {
  return new npusim::search::Lstm(sizes, genes);
}
