#include "tests/nas/background.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "nas/jobs/store.h"
#include "tests/cli/run_npusim.h"

namespace npusim::test {
namespace {

constexpr useconds_t kPause = 2000;  ///< microseconds between two looks

}  // namespace

Background::Background(std::vector<std::string> words, const std::string& errors) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  const int failed = posix_spawnp(&process_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
}

Background::~Background() {
  if (ended_) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

bool Background::running() const {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid != process_;
}

void Background::kill(int signal) const { ::kill(process_, signal); }

int Background::wait(int seconds) {
  for (std::int64_t left = INT64_C(1000000) * seconds; running() && left > 0; left -= kPause)
    ::usleep(kPause);
  if (running()) return -1;
  int status = 0;
  ::waitpid(process_, &status, 0);
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool wait_for_rows(const Background& process, const std::string& store, std::int64_t rows) {
  while (process.running()) {
    if (std::filesystem::exists(store) && jobs::Store(store).rows() >= rows) return true;
    ::usleep(kPause);
  }
  return false;
}

std::vector<pid_t> children(pid_t process) {
  std::vector<pid_t> list;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    if (!std::getline(in, line)) continue;
    // "12 (name) S 3 ...": the parent is the second word behind the name.
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    std::string state;
    pid_t parent = 0;
    if (rest >> state >> parent && parent == process) list.push_back(std::stoi(name));
  }
  std::sort(list.begin(), list.end());
  return list;
}

std::string environment_of(pid_t process, const std::string& name) {
  const std::string all = read_file("/proc/" + std::to_string(process) + "/environ");
  for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1) {
    const std::string entry = all.c_str() + at;
    if (entry.rfind(name + "=", 0) == 0) return entry.substr(name.size() + 1);
    if (all.find('\0', at) == std::string::npos) break;
  }
  return "";
}

}  // namespace npusim::test
