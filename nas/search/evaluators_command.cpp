#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "nas/jobs/pool.h"
#include "nas/jobs/worker.h"
#include "nas/search/evaluators.h"
#include "sim/base/error.h"
#include "workloads/onnx/export.h"

namespace npusim::search {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr int kPollMilliseconds = 100;

/// The user's program, run by a shell in a process group of its own, our socket at both of its standard
/// streams.
class Program {
 public:
  explicit Program(const std::string& command)
      : child_(jobs::start_child(
            [&command](int socket) {
              ::setpgid(0, 0);
              ::signal(SIGPIPE, SIG_DFL);
              ::dup2(socket, STDIN_FILENO);
              ::dup2(socket, STDOUT_FILENO);
              ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
              return 127;
            },
            {})) {}
  ~Program() {
    if (!ended_) static_cast<void>(end());
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] bool send(const std::string& line) const { return jobs::send_line(child_.socket, line); }
  /// Bytes that came within a tenth of a second; false when the program has closed its output.
  bool listen(std::string& buffer) const {
    pollfd one{child_.socket, POLLIN, 0};
    if (::poll(&one, 1, kPollMilliseconds) <= 0) return true;
    return jobs::receive_bytes(child_.socket, buffer);
  }
  /// Kills what still runs and says how it ended.
  std::string end() {
    ended_ = true;
    ::shutdown(child_.socket, SHUT_WR);
    const auto patience = Clock::now() + std::chrono::milliseconds(kPollMilliseconds);
    std::string rest;
    while (Clock::now() < patience && listen(rest)) rest.clear();  // a program that ends by itself says how
    ::kill(-child_.process, SIGKILL);
    return jobs::end_child(child_);
  }

 private:
  jobs::Child child_;
  bool ended_ = false;
};

class CommandEvaluator : public Evaluator {
 public:
  CommandEvaluator(std::string program, CommandOptions options)
      : program_(std::move(program)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "command:" + program_; }
  [[nodiscard]] std::string measure() const override { return "accuracy"; }
  [[nodiscard]] std::string identity() const override { return name(); }
  [[nodiscard]] bool built_in() const override { return false; }

  void evaluate(const std::vector<Candidate>& candidates, const Arrived& arrived) override {
    candidates_ = &candidates;
    arrived_ = &arrived;
    first_id_ += answered_.size();
    attempts_.assign(candidates.size(), 0);
    answered_.assign(candidates.size(), false);
    export_all();
    const jobs::InterruptScope interrupts;
    while (!waiting().empty()) attend();
    for (std::size_t i = 0; i < candidates.size(); ++i) fs::remove(file(i));
  }

 private:
  [[nodiscard]] std::string file(std::size_t i) const {
    return (fs::path(options_.folder) / ((*candidates_)[i].encoding + ".onnx")).string();
  }
  void export_all() const {
    std::error_code error;
    fs::create_directories(options_.folder, error);
    if (error) throw UserError(fmt::format("{}: {}", options_.folder, error.message()));
    onnx::ExportOptions how;
    how.with_weights = true;  // libraries refuse files without
    for (std::size_t i = 0; i < candidates_->size(); ++i)
      onnx::export_onnx(*(*candidates_)[i].graph, file(i), how);
  }
  [[nodiscard]] std::vector<std::size_t> waiting() const {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < answered_.size(); ++i) {
      if (!answered_[i]) list.push_back(i);
    }
    return list;
  }

  /// Starts the program if need be, sends all that waits, and listens until all is answered or the program
  /// fails; the network that it failed on (the first without an answer) then loses an attempt.
  void attend() {
    if (!running_) running_.emplace(program_);
    const std::vector<std::size_t> open = waiting();
    bool alive = true;
    for (const std::size_t i : open) {
      const Json line{{"id", first_id_ + i},
                      {"onnx", fs::absolute(file(i)).string()},
                      {"encoding", (*candidates_)[i].encoding}};
      alive = alive && running_->send(line.dump());
    }
    auto silent_since = Clock::now();
    std::size_t left = open.size();
    std::string buffer;
    while (alive && left > 0) {
      if (jobs::InterruptScope::requested()) throw UserError("stopped; repeat the command to continue");
      alive = running_->listen(buffer);
      while (const auto line = jobs::take_line(buffer)) {
        take(*line);
        silent_since = Clock::now();
        left = waiting().size();
      }
      const std::chrono::duration<double> silence = Clock::now() - silent_since;
      if (left > 0 && silence.count() > options_.timeout_s) {
        return blame(waiting().front(), fmt::format("gave no answer in {} s", options_.timeout_s));
      }
    }
    if (left > 0) blame(waiting().front(), "");
  }

  void blame(std::size_t i, std::string how) {
    const std::string end = running_->end();
    running_.reset();
    if (how.empty()) how = "ended without an answer: " + end;
    ++attempts_[i];
    std::fprintf(stderr, "npusim: the evaluator %s, for %s (attempt %zu of %zu)\n", how.c_str(),
                 (*candidates_)[i].encoding.c_str(), attempts_[i], options_.retries + 1);
    if (attempts_[i] <= options_.retries) return;
    if (!ever_answered_) {
      throw UserError(
          fmt::format("--evaluator command: '{}' {}, {} times, and never answered before; it "
                      "is given lines such as {} and must write {}",
                      program_, how, attempts_[i], R"({"id": 0, "onnx": "net.onnx", "encoding": "12"})",
                      R"({"id": 0, "accuracy": 0.71})"));
    }
    settle(i, {0, fmt::format("the evaluator {}, {} times", how, attempts_[i])});
  }

  void settle(std::size_t i, const Score& score) {
    answered_[i] = true;
    (*arrived_)(i, score);
  }

  [[noreturn]] void refuse(const std::string& line, const std::string& why) const {
    throw UserError(
        fmt::format("--evaluator command: '{}' wrote '{}': {}; expected {} or {} (what people "
                    "shall read belongs to standard error)",
                    program_, line.substr(0, 200), why, R"({"id": 0, "accuracy": 0.71})",
                    R"({"id": 0, "error": "why"})"));
  }

  void take(const std::string& text) {
    const Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded() || !line.is_object()) refuse(text, "not a JSON object");
    if (!line.contains("id") || !line["id"].is_number_unsigned() ||
        line["id"].get<std::size_t>() < first_id_ ||
        line["id"].get<std::size_t>() >= first_id_ + answered_.size()) {
      refuse(text, "no id that waits for an answer");
    }
    const std::size_t i = line["id"].get<std::size_t>() - first_id_;
    if (answered_[i]) refuse(text, "that id was answered before");
    ever_answered_ = true;
    if (line.contains("error")) {
      const Json& error = line["error"];
      return settle(
          i, {0, "the evaluator says: " + (error.is_string() ? error.get<std::string>() : error.dump())});
    }
    if (!line.contains("accuracy") || !line["accuracy"].is_number() ||
        !std::isfinite(line["accuracy"].get<double>())) {
      refuse(text, "no accuracy that is a number");
    }
    settle(i, {line["accuracy"].get<double>(), ""});
  }

  std::string program_;
  CommandOptions options_;
  std::optional<Program> running_;  ///< kept from one round to the next
  bool ever_answered_ = false;
  std::size_t first_id_ = 0;  ///< of this round: a late answer is not taken for another network's
  const std::vector<Candidate>* candidates_ = nullptr;
  const Arrived* arrived_ = nullptr;
  std::vector<std::size_t> attempts_;
  std::vector<char> answered_;
};

}  // namespace

std::unique_ptr<Evaluator> make_command_evaluator(const std::string& program, const CommandOptions& options) {
  return std::make_unique<CommandEvaluator>(program, options);
}

}  // namespace npusim::search
