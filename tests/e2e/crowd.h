// Many connections to a gateway from one process, none of which ever makes a call: some say
// nothing, some begin a TLS handshake and stop, some stand with a certificate and HTTP/2 and stay
// silent.
//
// One thread.
#ifndef SLUICE_TESTS_E2E_CROWD_H_
#define SLUICE_TESTS_E2E_CROWD_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/deployment.h"

namespace sluice::tests {

class Crowd {
 public:
  enum class Member {
    kMute,   // TCP, and not a byte
    kHalf,   // the first bytes of a ClientHello
    kStands  // TLS with the certificate, HTTP/2 settings both ways
  };

  // `ca_file`: of the gateway's certificate.
  Crowd(int port, const std::string& ca_file, const Identity& identity);
  ~Crowd() { Leave(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // How many of `count` got so far: fewer where the gateway hangs up, or descriptors end.
  int Join(Member member, int count);
  // How many the gateway has not hung up on.
  int Standing() const;
  void Leave();

  // Raises this process's limit on descriptors; what it is now.
  static int RaiseDescriptors();

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  struct One {
    int socket;
    std::unique_ptr<SSL, FreeTls> tls;
  };
  bool JoinOne(Member member);
  bool StandUp(One& one);

  const int port_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::vector<One> members_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_CROWD_H_
