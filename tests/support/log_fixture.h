// What tests of the log share: a clock that they turn, a key, and entries about a district that
// reads a program's candidates.
#ifndef SLUICE_TESTS_SUPPORT_LOG_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_LOG_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "policy/secret.h"
#include "server/audit/audit_log.h"

namespace sluice::server {

inline constexpr char kTestOrigin[] = "gateway.example/records/1";

inline std::unique_ptr<const LogKey> MakeLogKey(char seed = 'k') {
  return LogKey::Create(policy::Secret::Copy(std::string(32, seed)), kTestOrigin).value();
}

// A clock that stands until it is turned.
class TurnedClock {
 public:
  absl::Time Now() const { return absl::FromUnixMillis(ms_.load()); }
  void Turn(absl::Duration by) { ms_ += absl::ToInt64Milliseconds(by); }

 private:
  std::atomic<int64_t> ms_{1798761600000};  // 2027-01-01
};

// An empty directory of this test's own.
inline std::string FreshDirectory() {
  std::string path = testing::TempDir() + "/sluice_log_XXXXXX";
  return mkdtemp(path.data()) == nullptr ? "" : path;
}

inline std::string RequestNumber(uint64_t n) { return absl::StrFormat("%032x", n); }

inline EntryCaller RiverUnified() {
  EntryCaller caller;
  caller.principal = {policy::PrincipalKind::kSystem, "river-unified", "hiring"};
  caller.spki = std::string(64, 'a');
  return caller;
}

inline EntryTerms PipelineTerms() {
  EntryTerms terms;
  terms.mou = "stem-pipeline";
  terms.version = 1;
  terms.document_digest = "sha256:" + std::string(64, 'd');
  terms.catalog_digest = "sha256:" + std::string(64, 'c');
  terms.purpose = "hiring_pipeline";
  terms.authority = {"FERPA_DEIDENTIFIED"};
  terms.record_type = "Candidate";
  terms.owner = "state-university";
  return terms;
}

inline DecisionEntry PermitEntry(uint64_t n) {
  DecisionEntry entry;
  entry.request = RequestNumber(n);
  entry.caller = RiverUnified();
  entry.terms = PipelineTerms();
  entry.operation = "READ";
  entry.grants = {"expected-completers"};
  entry.parties = {"state-university", "river-unified"};
  return entry;
}

inline DecisionEntry DenialEntry(uint64_t n) {
  DecisionEntry entry = PermitEntry(n);
  entry.code = v1::DENIAL_CODE_OUTSIDE_PERIOD;
  entry.grants.clear();
  return entry;
}

inline v1::Decision DecisionOf(const DecisionEntry& entry) {
  v1::Decision decision;
  decision.set_decision_id(entry.request);
  decision.set_permit(entry.code == v1::DENIAL_CODE_UNSPECIFIED);
  decision.set_code(entry.code);
  return decision;
}

inline DisclosureEntry DisclosureOf(uint64_t n, uint64_t decision_index) {
  DisclosureEntry entry;
  entry.request = RequestNumber(n);
  entry.caller = RiverUnified();
  entry.terms = PipelineTerms();
  entry.decision_index = decision_index;
  entry.grants = {"expected-completers"};
  return entry;
}

inline OutcomeEntry OutcomeOf(uint64_t n, uint64_t decision_index) {
  OutcomeEntry entry;
  entry.request = RequestNumber(n);
  entry.caller = RiverUnified();
  entry.owner = "state-university";
  entry.decision_index = decision_index;
  entry.status = "OK";
  entry.considered = 120;
  entry.released = 100;
  entry.withheld = 20;
  entry.bytes = 22000;
  return entry;
}

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_LOG_FIXTURE_H_
