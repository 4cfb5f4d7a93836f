// A Unix socket before a PostgreSQL server's, through which a test's connections go until they are
// cut, at a place that the test chooses, or go nowhere.
//
// Thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_CUTTING_PROXY_H_
#define SLUICE_TESTS_SUPPORT_CUTTING_PROXY_H_

#include <list>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {

class CuttingProxy {
 public:
  // What becomes of the connection that next sends the word.
  enum class Cut {
    kNone,
    kBefore,  // the server never gets it, and sees the connection end
    kAfter,   // the server has answered; the answer goes nowhere
    kHidden,  // the server never gets it, and does not see the connection end
    kHang     // it and all others that stand hang, as by Hang
  };

  // Listens as `.s.PGSQL.{port}` in `directory`.
  CuttingProxy(const std::string& directory, int port, const std::string& server_socket);
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;
  ~CuttingProxy();

  void CutAt(Cut cut, const std::string& word);
  // Until a connection was cut.
  void AwaitCut();
  // From now on nothing is forwarded on the connections that stand, and nothing is closed.
  void Hang();
  // The same, and of those that come, until Heal. Those that hang by then go on hanging.
  void HangAll();
  void Heal();

 private:
  struct Pair {
    int client = -1;
    int server = -1;
    bool hangs = false;
    bool cut_after = false;
  };

  void Run();
  void Accept();
  // Whether the pair still stands.
  bool FromClient(Pair& pair);
  bool FromServer(Pair& pair);
  static void Close(Pair& pair);

  const std::string path_;
  const std::string server_socket_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};

  absl::Mutex mutex_;
  Cut cut_ ABSL_GUARDED_BY(mutex_) = Cut::kNone;
  std::string word_ ABSL_GUARDED_BY(mutex_);
  bool hang_ ABSL_GUARDED_BY(mutex_) = false;
  bool hang_new_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  std::list<Pair> pairs_;  // the thread's
  std::thread thread_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_CUTTING_PROXY_H_
