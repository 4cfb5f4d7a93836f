// The baseline of what gRPC itself costs: a server, as a process of its own, that sends messages
// that were made before, over the same mTLS, and does nothing else. Its ReadRecords streams the
// messages of a file, its GetRecord answers with the file's first message.
//
// One a benchmark; not thread-safe.
#ifndef SLUICE_TESTS_BENCH_BARE_SERVER_H_
#define SLUICE_TESTS_BENCH_BARE_SERVER_H_

#include <sys/types.h>

#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {

// Writes the messages that a bare server sends.
class MessageFile {
 public:
  explicit MessageFile(const std::string& path) : file_(path, std::ios::binary) {}
  void Add(const std::string& message);

 private:
  std::ofstream file_;
};

class BareServer {
 public:
  // For the deployment's district, which is whose readers it lets in.
  BareServer(const tests::Deployment& deployment, const std::string& messages);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;

  const std::string& target() const { return target_; }

  // What `main` calls first: a process that was started to be a bare server serves here until it is
  // killed. nullopt: it is none.
  static std::optional<int> Serve(int argc, char** argv);

 private:
  pid_t process_ = -1;
  std::string target_;
};

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_BARE_SERVER_H_
