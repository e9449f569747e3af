#include "pare/runtime/ranks.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "pare/base/error.h"
#include "pare/base/progress.h"

namespace pare::runtime {
namespace {

std::vector<int> cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> out;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) out.push_back(core);
  return out;
}

void keep_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

void write_all(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

/// Runs in the child; the first byte it writes says whether what follows is the result or what went wrong.
[[noreturn]] void be_rank(int rank, int count, int file, const std::function<std::string(int)>& work, bool pinned) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGINT, SIG_DFL);
  const std::vector<int> all = cores();
  if (pinned && all.size() >= static_cast<std::size_t>(count)) keep_to(all[static_cast<std::size_t>(rank)]);
  std::string said;
  try {
    at::set_num_threads(1);
    said = "+" + work(rank);
  } catch (const std::exception& e) {
    said = fmt::format("-{}", e.what());
  }
  write_all(file, said);
  ::_exit(0);
}

struct Child {
  pid_t process = -1;
  int file = -1;
  std::string said;
};

/// Reads until the child closes its end; false while more may come.
bool read_some(Child& child) {
  std::array<char, 1 << 16> buffer;
  const ssize_t n = ::read(child.file, buffer.data(), buffer.size());
  if (n > 0) child.said.append(buffer.data(), static_cast<std::size_t>(n));
  return n == 0 || (n < 0 && errno != EINTR);
}

class Children {
 public:
  ~Children() {
    for (Child& child : all_) {
      if (child.file >= 0) {
        ::kill(child.process, SIGKILL);  // only where an exception ends the rest
        ::close(child.file);
      }
      ::waitpid(child.process, nullptr, 0);
    }
  }

  void start(int rank, int count, const std::function<std::string(int)>& work, bool pinned) {
    std::array<int, 2> ends;
    if (::pipe(ends.data()) != 0) throw Error(std::strerror(errno), "pipe");
    const pid_t process = ::fork();
    if (process < 0) throw Error(std::strerror(errno), "fork");
    if (process == 0) be_rank(rank, count, ends[1], work, pinned);
    ::close(ends[1]);
    all_.push_back({process, ends[0], {}});
  }

  std::vector<std::string> results() {
    for (std::size_t open = all_.size(); open > 0;) {
      std::vector<pollfd> files;
      for (const Child& child : all_) files.push_back({child.file, POLLIN, 0});
      if (::poll(files.data(), files.size(), -1) < 0) {
        if (errno != EINTR) throw Error(std::strerror(errno), "ranks");
        stop_if_interrupted();
        continue;
      }
      for (std::size_t i = 0; i < all_.size(); ++i)
        if (files[i].revents != 0 && read_some(all_[i])) {
          close(i);
          --open;
        }
    }
    std::vector<std::string> out;
    for (const Child& child : all_) out.push_back(child.said.substr(1));
    return out;
  }

 private:
  void close(std::size_t i) {
    Child& child = all_[i];
    ::close(child.file);
    child.file = -1;
    if (child.said.empty()) throw Error("ended without a result", fmt::format("rank {}", i), "is there enough memory?");
    if (child.said[0] == '-') throw Error(printable(child.said.substr(1), 300), fmt::format("rank {}", i));
  }

  std::vector<Child> all_;
};

}  // namespace

std::vector<std::string> run_ranks(int count, const std::function<std::string(int)>& work, bool pinned) {
  Children children;
  for (int rank = 0; rank < count; ++rank) children.start(rank, count, work, pinned);
  return children.results();
}

}  // namespace pare::runtime
