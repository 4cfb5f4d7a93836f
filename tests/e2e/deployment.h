// A gateway with all that stands around it, for one test: in a directory of its own a PKI of three
// organizations, documents, keys and a configuration, and on them the program `sluiced` as a
// process. What can't be made is the test's failure on the spot.
//
// One a test; not thread-safe, but for Connect.
#ifndef SLUICE_TESTS_E2E_DEPLOYMENT_H_
#define SLUICE_TESTS_E2E_DEPLOYMENT_H_

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/gateway.h"
#include "client/pki.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::tests {

inline constexpr char kTrustDomain[] = "sluice.example";
inline constexpr char kProgram[] = "state-university";
inline constexpr char kDistrict[] = "river-unified";
inline constexpr char kStranger[] = "hill-county";  // a party of nothing

// A certificate's and its key's file.
struct Identity {
  std::string certificate;
  std::string key;
};

// Ends the test unless OK.
void Must(const absl::Status& status);
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

class Deployment {
 public:
  Deployment();
  // A second gateway beside the first one: of its PKI and keys, with configuration, log directory
  // and (empty) inbox of its own. The first must outlive it.
  Deployment(const Deployment& first, absl::string_view name);
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  // --- Identities ---
  // Issued by the organization's CA on first use; organization "operator": the gateway's operator.
  Identity As(absl::string_view organization, absl::string_view kind, absl::string_view name);
  // Anything that the organization's CA can be made to sign. `name` is the files'.
  Identity Mint(absl::string_view organization, absl::string_view name,
                const pki::CertificateSpec& spec);
  // Puts it on the organization's revocation list, as of `since`.
  void Revoke(absl::string_view organization, const Identity& identity, absl::Time since);

  // --- Documents ---
  // MOU `name` between program and district, in term: grants READ of Candidate to the district for
  // hiring_pipeline.
  std::string Document(absl::string_view name) const;
  // Puts a document into the inbox.
  void Propose(absl::string_view name, absl::string_view text);
  // Signs what lies in the inbox, with a signatory's certificate of `organization`; another's
  // signatory may sign in its stead.
  void Sign(absl::string_view name, absl::string_view organization,
            absl::string_view signatory_of = "");
  void ProposeSigned(absl::string_view name);

  // --- The process ---
  void WriteConfiguration(absl::string_view text);
  std::string Configuration() const;
  void Start() { Must(TryStart()); }
  // What it said, if it ended instead.
  absl::Status TryStart();
  // Of a gateway that is started from now on.
  void LimitDescriptors(int most) { descriptors_ = most; }
  void Signal(int signal);
  // Waits for the end: the exit status, or minus the signal that ended it.
  int Wait();
  int End(int signal) {
    Signal(signal);
    return Wait();
  }
  // The exit status of `sluiced check-config`, and of a second gateway on the same directory.
  int Check() const;
  // The exit status of `sluiced store verify`; what it said lies in the file `verified`.
  int Verify() const;
  int RunAnother() const;
  // What the last of these said.
  std::string AnothersLines() const;
  // SIGHUP, and waits until the gateway has said what became of it.
  void Reload();
  // Waits until the gateway's own lines, from now or the last wait on, contain the text.
  void WaitForLine(absl::string_view text);
  pid_t process() const { return process_; }
  std::string target() const;
  int port() const { return port_; }

  // --- Callers ---
  std::unique_ptr<client::Gateway> Connect(const Identity& identity) const {
    return ConnectTo(target(), identity);
  }
  // To a gateway of this deployment that runs elsewhere than in its process.
  std::unique_ptr<client::Gateway> ConnectTo(const std::string& target,
                                             const Identity& identity) const;

  std::filesystem::path Path(absl::string_view relative) const;

 private:
  std::string Lines() const;

  const std::filesystem::path directory_;
  const std::string name_;    // of the gateway
  const bool is_first_;       // whose the directory is
  const std::string prefix_;  // of the files that are this gateway's own
  pid_t process_ = -1;
  int port_ = 0;
  int descriptors_ = 0;  // 0: as many as this process may have
  size_t lines_seen_ = 0;
};

// Waits for what must come; ends the test if it does not.
void WaitFor(absl::string_view what, absl::FunctionRef<bool()> came);

// A candidate whom Document's grant covers, with `number` in its id and, released as it is, in
// source.change_version.
v1::Candidate MakeCandidate(int number);

// Publishes candidates [begin, end) as one batch.
absl::StatusOr<v1::PublishRecordsResponse> Publish(client::Gateway& gateway,
                                                   absl::string_view request_id, int begin,
                                                   int end);

struct ReadRows {
  v1::ReleaseHeader header;
  std::vector<std::string> row_ids;
  std::vector<v1::Candidate> candidates;
  bool complete = false;  // a trailer came
};
v1::ReadRecordsRequest ReadRequest(absl::string_view mou);
// Reads what comes; the status says how it ended.
absl::Status Read(client::Gateway& gateway, const v1::ReadRecordsRequest& request, ReadRows& rows);

// The stable reason of an error; "" without one.
std::string Reason(const absl::Status& status);

void WriteFile(const std::filesystem::path& path, absl::string_view text);
std::string ReadFile(const std::filesystem::path& path);

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_DEPLOYMENT_H_
