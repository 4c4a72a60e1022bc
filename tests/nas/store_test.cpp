// The results store: what a key is, and what befalls damaged files.
#include "nas/jobs/store.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim;
using jobs::Key;
using jobs::Store;
using test::contains;
using test::TempFolder;

namespace {

const Key kKey{"hw", "graph", "dtype=fp16", "0.1.0"};

std::string error_of(const std::string& path) {
  try {
    const Store store(path);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &connection) == SQLITE_OK);
  REQUIRE(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
}

}  // namespace

TEST_CASE("what was put is found again, also after reopening, in a folder made for it") {
  const TempFolder folder;
  const std::string path = folder / "deep/er/results.db";
  {
    Store store(path);
    CHECK(!store.find(kKey));
    store.put(kKey, {"{\"a\":1}", 2.5});
  }
  Store store(path);
  const auto found = store.find(kKey);
  REQUIRE(found);
  CHECK(found->payload == "{\"a\":1}");
  CHECK(found->wall_s == 2.5);
  store.put(kKey, {"{\"a\":2}", 1});
  CHECK(store.find(kKey)->payload == "{\"a\":2}");
  CHECK(store.rows() == 1);
}

TEST_CASE("a key that differs in hardware, graph, options or version is another result") {
  const TempFolder folder;
  Store store(folder / "results.db");
  store.put(kKey, {"{}", 0});
  for (std::string Key::*field : {&Key::hw_hash, &Key::graph_hash, &Key::options, &Key::version}) {
    Key other = kKey;
    other.*field += "x";
    CHECK(!store.find(other));
  }
  CHECK(store.find(kKey));
}

TEST_CASE("the version names the release and the build") {
  const std::string text = jobs::version_text("0.1.0");
  CHECK(text.rfind("0.1.0+", 0) == 0);
  CHECK(text.size() == 6 + 16);
  CHECK(text == jobs::version_text("0.1.0"));
}

TEST_CASE("files that are no store are refused and left byte for byte") {
  const TempFolder folder;
  const std::string text = folder / "notes.txt";
  test::write_file(text, std::string(5000, 'x'));
  CHECK(contains(error_of(text), "not a results store"));
  CHECK(contains(error_of(text), text));
  CHECK(test::read_file(text) == std::string(5000, 'x'));

  const std::string foreign = folder / "foreign.db";
  run_sql(foreign, "CREATE TABLE precious(x)");
  const std::string before = test::read_file(foreign);
  CHECK(contains(error_of(foreign), "another program"));
  CHECK(test::read_file(foreign) == before);
}

TEST_CASE("a store of a newer layout is refused, saying so") {
  const TempFolder folder;
  const std::string path = folder / "results.db";
  { const Store store(path); }
  run_sql(path, "PRAGMA user_version=99");
  CHECK(contains(error_of(path), "newer npusim (layout 99"));
}

TEST_CASE("a store of an older layout is refused and left byte for byte") {
  const TempFolder folder;
  const std::string path = folder / "results.db";
  { const Store store(path); }
  run_sql(path, "PRAGMA user_version=0");
  const std::string before = test::read_file(path);
  CHECK(contains(error_of(path), "older npusim (layout 0"));
  CHECK(test::read_file(path) == before);
}

TEST_CASE("merging adds what is lacking, keeps what is there, and refuses what is no store") {
  const TempFolder folder;
  Key other = kKey;
  other.hw_hash = "other";
  {
    Store part(folder / "part.db");
    part.put(kKey, {"{\"theirs\":1}", 1});
    part.put(other, {"{}", 1});
  }
  Store store(folder / "all.db");
  store.put(kKey, {"{\"ours\":1}", 1});
  CHECK(store.merge(folder / "part.db") == 1);
  CHECK(store.rows() == 2);
  CHECK(store.find(kKey)->payload == "{\"ours\":1}");
  CHECK(store.find(other));
  CHECK(store.merge(folder / "part.db") == 0);
  test::write_file(folder / "text", std::string(3000, 'x'));
  CHECK_THROWS_AS(store.merge(folder / "text"), UserError);
  CHECK_THROWS_AS(store.merge(folder / "none"), UserError);
  CHECK(store.rows() == 2);
}

TEST_CASE("a folder in place of a store, and a folder that cannot be made, are errors that name the path") {
  const TempFolder folder;
  CHECK(contains(error_of(folder / "."), folder / "."));
  test::write_file(folder / "file", "x");
  CHECK(contains(error_of(folder / "file/results.db"), "cannot be made"));
}

TEST_CASE("a row whose payload was altered counts as absent and damaged; others stay") {
  const TempFolder folder;
  const std::string path = folder / "results.db";
  Key other = kKey;
  other.hw_hash = "other";
  {
    Store store(path);
    store.put(kKey, {"{\"cycles\":1000}", 0});
    store.put(other, {"{\"cycles\":2000}", 0});
  }
  run_sql(path, "UPDATE results SET payload='{\"cycles\":1001}' WHERE hw_hash='hw'");
  Store store(path);
  CHECK(!store.find(kKey));
  CHECK(store.damaged() == 1);
  CHECK(store.find(other));
  CHECK(store.damaged() == 1);
}

TEST_CASE("a store with overwritten pages is an error that says damaged, and keeps its bytes") {
  const TempFolder folder;
  const std::string path = folder / "results.db";
  {
    Store store(path);
    for (int i = 0; i < 200; ++i) {
      store.put({fmt::format("hw{}", i), "g", "o", "v"}, {std::string(300, 'y'), 0});
    }
  }
  std::string bytes = test::read_file(path);
  REQUIRE(bytes.size() > 20000);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0xA5);
  test::write_file(path, bytes);
  std::string message;
  try {
    Store store(path);
    static_cast<void>(store.find({"hw7", "g", "o", "v"}));
  } catch (const UserError& error) {
    message = error.what();
  }
  CHECK(contains(message, "the store is damaged"));
  CHECK(test::read_file(path) == bytes);
}

TEST_CASE("three processes put 100 results each into one store at once and none is lost") {
  const TempFolder folder;
  const std::string path = folder / "results.db";
  std::vector<pid_t> writers;
  for (int w = 0; w < 3; ++w) {
    const pid_t process = ::fork();
    REQUIRE(process >= 0);
    if (process == 0) {
      try {
        Store store(path);
        for (int i = 0; i < 100; ++i) store.put({fmt::format("{}-{}", w, i), "g", "o", "v"}, {"{}", 0});
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    writers.push_back(process);
  }
  for (const pid_t process : writers) {
    int status = -1;
    ::waitpid(process, &status, 0);
    CHECK(status == 0);
  }
  Store store(path);
  CHECK(store.rows() == 300);
}
