#include "server/error.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/rpc/error_details.pb.h"
#include "server/key_name.h"

namespace sluice::server {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kDomain[] = "sluice";

template <typename Detail>
void Attach(absl::Status& status, const Detail& detail) {
  status.SetPayload(absl::StrCat(kTypePrefix, detail.GetDescriptor()->full_name()),
                    absl::Cord(detail.SerializeAsString()));
}

absl::Status Make(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  absl::Status status(code, message);
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kDomain);
  Attach(status, info);
  return status;
}

absl::string_view CodeName(v1::DenialCode code) {
  absl::string_view name = v1::DenialCode_Name(code);
  name.remove_prefix(std::min(name.size(), sizeof("DENIAL_CODE_") - 1));
  return name;
}

// A quota, or what else there is only so much of.
absl::Status Spent(absl::string_view quota, const std::string& sentence,
                   std::optional<absl::Duration> retry_after) {
  absl::Status status = Make(absl::StatusCode::kResourceExhausted, "RESOURCE_EXHAUSTED", sentence);
  google::rpc::QuotaFailure failure;
  auto* violation = failure.add_violations();
  violation->set_subject(std::string(quota));
  violation->set_description(sentence);
  Attach(status, failure);
  if (!retry_after) return status;
  google::rpc::RetryInfo retry;
  const absl::Duration after = std::max(*retry_after, absl::Milliseconds(1));
  retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(after));
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(after - absl::Seconds(absl::ToInt64Seconds(after)))));
  Attach(status, retry);
  return status;
}

// At most so many bytes of UTF-8, and no half of a character.
std::string CutToBytes(std::string text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
  return text;
}

// Trailers have little room: the first errors of a document, each cut to size.
absl::Status Refused(absl::StatusCode code, absl::string_view reason,
                     const std::vector<policy::Finding>& findings) {
  constexpr int kMost = 8;
  constexpr size_t kMostBytes = 300;
  google::rpc::BadRequest bad;
  int errors = 0;
  for (const policy::Finding& finding : findings) {
    if (finding.severity != policy::Severity::kError || ++errors > kMost) continue;
    auto* violation = bad.add_field_violations();
    violation->set_field("document");
    violation->set_description(CutToBytes(
        absl::StrCat(finding.place.line, ":", finding.place.column, ": ", finding.id, ": ",
                     finding.message, finding.hint.empty() ? "" : "; ", finding.hint),
        kMostBytes));
  }
  std::string sentence = errors == 0 ? "" : bad.field_violations(0).description();
  if (errors > 1) absl::StrAppend(&sentence, " (and ", errors - 1, " more: sluice mou check)");
  absl::Status status = Make(code, reason, sentence);
  Attach(status, bad);
  return status;
}

}  // namespace

absl::Status Denied(const v1::Decision& decision) {
  absl::Status status =
      Make(absl::StatusCode::kPermissionDenied, CodeName(decision.code()),
           decision.explanation().empty() ? CodeName(decision.code()) : decision.explanation());
  google::rpc::PreconditionFailure failure;
  for (const v1::NearestGrant& nearest : decision.nearest_grants()) {
    for (const v1::FailedCondition& failed : nearest.failed()) {
      auto* violation = failure.add_violations();
      violation->set_type(std::string(CodeName(failed.code())));
      violation->set_subject(nearest.grant());
      violation->set_description(failed.description());
    }
  }
  for (const std::string& party : decision.unsigned_parties()) {
    auto* violation = failure.add_violations();
    violation->set_type("SIGNATURE");
    violation->set_subject(party);
    violation->set_description("its signature of this version is missing or void");
  }
  if (failure.violations_size() > 0) Attach(status, failure);
  return status;
}

absl::Status Unauthenticated(absl::string_view sentence) {
  return Make(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED", sentence);
}

absl::Status Invalid(absl::string_view field, absl::string_view description) {
  absl::Status status = Make(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
                             absl::StrCat(field, ": ", description));
  google::rpc::BadRequest bad;
  auto* violation = bad.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(std::string(description));
  Attach(status, bad);
  return status;
}

absl::Status NotFound(absl::string_view what) {
  return Make(absl::StatusCode::kNotFound, "NOT_FOUND",
              absl::StrCat("there is no such ", what, ", or you may not see it"));
}

absl::Status RequestIdReused() {
  return Make(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
              "this request_id stands for other content; give each batch one of its own");
}

absl::Status HistoryForgotten(absl::string_view sentence) {
  return Make(absl::StatusCode::kFailedPrecondition, "HISTORY_FORGOTTEN",
              absl::StrCat(sentence, "; it can't be withdrawn any more"));
}

absl::Status WithdrawTooLarge(absl::string_view sentence) {
  return Make(
      absl::StatusCode::kFailedPrecondition, "WITHDRAW_TOO_LARGE",
      absl::StrCat(sentence,
                   " for one withdraw; take them back in parts, the latest positions first"));
}

absl::Status JoinTooLarge(absl::string_view sentence) {
  return Make(absl::StatusCode::kFailedPrecondition, "JOIN_TOO_LARGE",
              absl::StrCat(sentence,
                           "; nothing was changed: publish or delete fewer identities at a time"));
}

absl::Status AlreadyExists(absl::string_view what) {
  return Make(absl::StatusCode::kAlreadyExists, "ALREADY_EXISTS",
              absl::StrCat("there is one ", what, " of this name already"));
}

absl::Status MouNotAccepted(const std::vector<policy::Finding>& findings) {
  return Refused(absl::StatusCode::kInvalidArgument, "MOU_NOT_ACCEPTED", findings);
}

absl::Status MouOutOfTurn(const std::vector<policy::Finding>& findings) {
  return Refused(absl::StatusCode::kFailedPrecondition, "MOU_OUT_OF_TURN", findings);
}

absl::Status MouNameTaken() {
  return Make(absl::StatusCode::kAlreadyExists, "MOU_NAME_TAKEN",
              "an MOU that your organization is no party of has this name; choose another");
}

absl::Status MouNotSigned() {
  return Make(
      absl::StatusCode::kFailedPrecondition, "MOU_NOT_SIGNED",
      "no version that your organization is a party of was signed by all of them: nothing leaves "
      "under it yet");
}

absl::Status NoObligation() {
  return Make(absl::StatusCode::kFailedPrecondition, "NO_OBLIGATION",
              "the organization has nothing to attest under this version: the version is not over, "
              "is not the newest that names it, or grants nothing to it");
}

absl::Status MouOver() {
  return Make(absl::StatusCode::kFailedPrecondition, "MOU_OVER",
              "every version of the MOU that your organization is a party of has ended: nothing "
              "leaves under it");
}

absl::Status NotSuspended() {
  return Make(absl::StatusCode::kFailedPrecondition, "NOT_SUSPENDED",
              "your organization has not suspended the MOU; each party lifts its own suspension, "
              "and nobody another's");
}

absl::Status TerminationFinal(absl::string_view day) {
  return Make(absl::StatusCode::kFailedPrecondition, "TERMINATION_FINAL",
              absl::StrCat("the MOU ends on ", day,
                           "; that day may be brought forward, and is never put back"));
}

absl::Status EtagMismatch() {
  return Make(absl::StatusCode::kAborted, "ETAG_MISMATCH",
              "it was changed by somebody since you looked at it; look again, then change it");
}

absl::Status SubjectChanged() {
  return Make(absl::StatusCode::kAborted, "SUBJECT_CHANGED",
              "the ids of this person were joined or parted since the first page; begin again");
}

absl::Status SubjectHasRecords() {
  return Make(absl::StatusCode::kFailedPrecondition, "SUBJECT_HAS_RECORDS",
              "your records name this person, or say whose id it is: delete those first");
}

absl::Status StandsInConfiguration(absl::string_view organization) {
  return Make(absl::StatusCode::kFailedPrecondition, "ORGANIZATION_IN_CONFIGURATION",
              absl::StrCat(organization,
                           " stands in the gateway's configuration file; change the files that it "
                           "names there, then reload (SIGHUP)"));
}

absl::Status KeyDestroyed(absl::string_view version) {
  return Make(absl::StatusCode::kFailedPrecondition, "KEY_DESTROYED",
              absl::StrCat(version,
                           " was destroyed: what it sealed can't be read any more; its "
                           "owner can publish it again"));
}

absl::Status KeyInUse(absl::string_view version, int64_t rows) {
  return Make(absl::StatusCode::kFailedPrecondition, "KEY_IN_USE",
              absl::StrCat(version, " seals ", rows,
                           " rows of the store, or what is written next: rotate the key and wait "
                           "until it is EMPTY, or say that what it seals shall be lost "
                           "(allow_unreadable)"));
}

absl::Status TooManyKeyVersions(absl::string_view key, int sealing, int ever) {
  return Make(absl::StatusCode::kFailedPrecondition, "TOO_MANY_KEY_VERSIONS",
              absl::StrCat("at most ", sealing, " versions of ", key,
                           " still seal something, and at most ", ever,
                           " there may ever be: wait until those that were replaced are EMPTY, or "
                           "destroy them"));
}

absl::Status DestructionUnfinished(absl::string_view version) {
  return Make(absl::StatusCode::kUnavailable, "DESTRUCTION_UNFINISHED",
              absl::StrCat(version,
                           " is destroyed by the log's word, and nothing is read under it "
                           "any more; the key store still has it, and it is tried again"));
}

absl::Status TooManyOrganizations(size_t most) {
  return Make(absl::StatusCode::kFailedPrecondition, "TOO_MANY_ORGANIZATIONS",
              absl::StrCat("this gateway has ", most, " organizations, which are the most"));
}

absl::Status Exhausted(absl::string_view quota, std::optional<absl::Duration> retry_after) {
  return Spent(
      quota,
      absl::StrCat("the quota \"", quota, "\" is spent; the gateway's operator can raise it"),
      retry_after);
}

absl::Status KeyCountUnderWay() {
  return Spent(
      "key_counts",
      "what a version of a key seals is counted for this owner of keys, or will be; ask again",
      absl::Seconds(5));
}

absl::Status AuditUnavailable() {
  return Make(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE",
              "the audit log can't be written, so nothing was disclosed; the operator finds the "
              "cause in the gateway's health");
}

absl::Status StateUnavailable() {
  return Make(absl::StatusCode::kUnavailable, "STATE_UNAVAILABLE",
              "the gateway can't see at this moment whether what this rests on still holds, so it "
              "lets nothing out; ask again");
}

absl::Status RecordsRetracted() {
  return Make(absl::StatusCode::kUnavailable, "RECORDS_RETRACTED",
              "somebody was erased or has opted out while these records were read, so they are not "
              "sent; ask again, from the last page token");
}

absl::Status StoreUnavailable() {
  return Make(absl::StatusCode::kUnavailable, "STORE_UNAVAILABLE",
              "the gateway can't reach its store at this moment; ask again");
}

absl::Status ClockBehind() {
  return Make(
      absl::StatusCode::kUnavailable, "CLOCK_BEHIND",
      "the gateway's clock stands behind its log, so it decides nothing until the clock has "
      "caught up");
}

absl::Status TermsChanged() {
  return Make(absl::StatusCode::kAborted, "TERMS_CHANGED",
              "the grants that this release rests on have changed; read again");
}

absl::Status NotAsSealed() {
  return Make(absl::StatusCode::kDataLoss, "NOT_AS_SEALED",
              "records were taken out of the gateway's store, or put back into it, beside the "
              "gateway: this is not all, or not as it was published; the operator finds the cause "
              "in the gateway's health");
}

absl::Status Cancelled() {
  return Make(absl::StatusCode::kCancelled, "CANCELLED", "the call was cancelled");
}

bool MayLeave(const absl::Status& status) {
  return status.GetPayload(kErrorInfoUrl).has_value() || DestroyedKeyOf(status).has_value();
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "";
  if (const auto version = DestroyedKeyOf(status)) return ReasonOf(KeyDestroyed(*version));
  google::rpc::ErrorInfo info;
  const auto payload = status.GetPayload(kErrorInfoUrl);
  if (!payload && absl::IsUnavailable(status)) return ReasonOf(StoreUnavailable());
  if (!payload || !info.ParseFromString(std::string(*payload))) return "INTERNAL";
  return info.reason();
}

google::rpc::Status Outward(const absl::Status& status, absl::string_view request_id) {
  if (!MayLeave(status) && absl::IsUnavailable(status)) {
    return Outward(StoreUnavailable(), request_id);
  }
  if (!MayLeave(status)) {
    return Outward(Make(absl::StatusCode::kInternal, "INTERNAL",
                        "the gateway failed; tell its operator the request's id"),
                   request_id);
  }
  // The store's own, which any read may end with.
  if (const auto version = DestroyedKeyOf(status)) {
    return Outward(KeyDestroyed(*version), request_id);
  }
  google::rpc::Status outward;
  outward.set_code(static_cast<int>(status.code()));
  outward.set_message(std::string(status.message()));
  // A status gives them in any order: the reason comes first, the others by their type.
  std::map<std::pair<bool, std::string>, std::string> details;
  status.ForEachPayload([&details](absl::string_view url, const absl::Cord& bytes) {
    const bool reason = url == kErrorInfoUrl;
    details[{!reason, std::string(url)}] = std::string(bytes);
  });
  for (auto& [type, bytes] : details) {
    auto* detail = outward.add_details();
    detail->set_type_url(type.second);
    detail->set_value(std::move(bytes));
  }
  google::rpc::RequestInfo info;
  info.set_request_id(std::string(request_id));
  outward.add_details()->PackFrom(info);
  return outward;
}

}  // namespace sluice::server
