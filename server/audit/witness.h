// Witnesses as the gateway sees them: how they are configured, how one is asked to cosign a
// checkpoint (C2SP tlog-witness, `add-checkpoint`), and what its answers come to.
//
// Values.
#ifndef SLUICE_SERVER_AUDIT_WITNESS_H_
#define SLUICE_SERVER_AUDIT_WITNESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/cosignature.h"
#include "server/audit/merkle.h"

namespace sluice::server {

struct WitnessConfig {
  std::string vkey;
  std::string url;      // `https://HOST[:PORT][/PREFIX]`, the submission prefix
  std::string ca_file;  // path: what its server's certificate is held against

  friend bool operator==(const WitnessConfig& a, const WitnessConfig& b) {
    return std::tie(a.vkey, a.url, a.ca_file) == std::tie(b.vkey, b.url, b.ca_file);
  }
};

struct WitnessUrl {
  std::string host;
  int port = 443;
  std::string prefix;  // of paths, without a slash at its end
};
// INVALID_ARGUMENT unless it is of WitnessConfig's form. HOST is a name or an IPv4 address.
absl::StatusOr<WitnessUrl> ParseWitnessUrl(absl::string_view url);

struct WitnessPolicy {
  std::vector<WitnessConfig> witnesses;
  int quorum = 0;  // how many of them must have cosigned a checkpoint
  absl::Duration lag_warn = absl::Seconds(5);
  absl::Duration lag_halt = absl::Minutes(15);
  absl::Duration answer_within = absl::Seconds(10);
  // After a failure a witness is asked again within these, longer from failure to failure.
  absl::Duration retry_least = absl::Milliseconds(500);
  absl::Duration retry_most = absl::Seconds(10);

  // By what is configured.
  friend bool operator==(const WitnessPolicy& a, const WitnessPolicy& b) {
    return std::tie(a.witnesses, a.quorum, a.lag_warn, a.lag_halt) ==
           std::tie(b.witnesses, b.quorum, b.lag_warn, b.lag_halt);
  }
};

// How the witnesses are, for health and metrics.
struct WitnessReport {
  struct Trouble {
    std::string witness;
    std::string word;
    std::string detail;
  };
  absl::Duration lag;  // how long a checkpoint has been waiting for its quorum
  bool is_late = false;
  std::vector<Trouble> troubles;
};

// What an HTTP server said.
struct WitnessAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
};

// How a witness is reached. Post is one thread's; Cancel may come from any other.
class WitnessTransport {
 public:
  virtual ~WitnessTransport() = default;
  // UNAVAILABLE, with why, if no whole answer came.
  virtual absl::StatusOr<WitnessAnswer> Post(const std::string& body) = 0;
  // Ends a Post that is under way.
  virtual void Cancel() = 0;
};

// A checkpoint for a witness that has cosigned `old_size` of the log.
struct WitnessQuestion {
  uint64_t old_size = 0;
  uint64_t size = 0;
  std::string note;  // the checkpoint, signed by the log

  // The text that is cosigned.
  absl::string_view Text() const;
  // The request's body. `proof`: from old_size to size; empty where nothing is to be proved.
  std::string Body(const std::vector<Hash>& proof) const;
};

// What is the matter with a witness. `word` is stable; `detail` is for people.
struct WitnessTrouble {
  absl::string_view word;
  std::string detail;
};
inline constexpr absl::string_view kWitnessUnreachable = "UNREACHABLE";
inline constexpr absl::string_view kWitnessLogUnknown = "LOG_UNKNOWN";  // 404
inline constexpr absl::string_view kWitnessKeyRefused = "KEY_REFUSED";  // 403
inline constexpr absl::string_view kWitnessBadAnswer = "BAD_ANSWER";    // not as specified
inline constexpr absl::string_view kWitnessBadCosignature = "BAD_COSIGNATURE";
// It has seen another history of this log: a longer one, or one that this one does not continue.
inline constexpr absl::string_view kWitnessAhead = "WITNESS_AHEAD";
inline constexpr absl::string_view kWitnessConflict = "WITNESS_CONFLICT";  // 422; 409 of one size

// It has cosigned this size, and no larger one: a question must begin there.
struct WitnessSize {
  uint64_t size = 0;
};

using WitnessOutcome = std::variant<Cosignature, WitnessSize, WitnessTrouble>;

// A cosignature counts only with a time within five minutes of `now`: one of another day was made
// for another question.
WitnessOutcome ReadWitnessAnswer(const WitnessAnswer& answer, const WitnessQuestion& question,
                                 const CosignatureVerifier& verifier, absl::Time now);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_WITNESS_H_
