#include "server/opt_outs.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/error.h"
#include "server/subject_names.h"

namespace sluice::server {
namespace {

// As documents name purposes: [a-z][a-z0-9_]{0,62}.
bool IsPurpose(absl::string_view text) {
  if (text.empty() || text.size() > 63 || text[0] < 'a' || text[0] > 'z') return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == text.npos;
}

}  // namespace

absl::StatusOr<std::vector<std::vector<policy::SubjectName>>> OptOuts::NamesOfAll(
    const Subjects& subjects) const {
  if (subjects.empty()) return Invalid("subjects", "must be given");
  if (subjects.size() > kMaxSubjects) {
    return Invalid("subjects", absl::StrCat("are more than ", kMaxSubjects));
  }
  std::vector<std::vector<policy::SubjectName>> all;
  for (const v1::SubjectId& subject : subjects) {
    absl::StatusOr<std::vector<policy::SubjectName>> names =
        NamesOf(*parts_.catalog, {subject.id_space(), subject.id(), subject.source_system()});
    if (!names.ok()) return names.status();
    all.push_back(*std::move(names));
  }
  return all;
}

template <typename Response, typename Request>
absl::StatusOr<Response> OptOuts::Put(const Caller& caller, RequestId& request_id, const char* rpc,
                                      const Request& request, bool opted_out) {
  // Whom it is about is not written down once more.
  const absl::StatusOr<OwnerAdmitted> owner =
      parts_.admission->AdmitOwner(caller, request_id, rpc, request.parent(), std::nullopt);
  if (!owner.ok()) return owner.status();
  if (request.has_purpose() && !IsPurpose(request.purpose())) {
    return Invalid("purpose", "is no name that a purpose can have");
  }
  const absl::StatusOr<std::vector<std::vector<policy::SubjectName>>> all =
      NamesOfAll(request.subjects());
  if (!all.ok()) return all.status();

  OptOutEntry entry;
  entry.request = request_id;
  entry.caller = {caller.principal(), caller.spki()};
  entry.opted_out = opted_out;
  entry.owner = owner->permit.owner();
  entry.purpose = request.purpose();
  Response response;
  const auto put = [&](Transaction& transaction) -> absl::Status {
    entry.subjects = 0;
    for (const std::vector<policy::SubjectName>& names : *all) {
      const absl::StatusOr<int32_t> changed =
          transaction.PutOptOuts(entry.owner, names, entry.purpose, opted_out);
      if (!changed.ok()) return changed.status();
      if (*changed > 0) ++entry.subjects;
    }
    response.set_changed_count(entry.subjects);
    response.set_index(-1);
    if (entry.subjects == 0) return absl::OkStatus();
    const absl::StatusOr<uint64_t> index = parts_.log->AppendIn(transaction, entry);
    if (!index.ok()) return index.status();
    response.set_index(static_cast<int64_t>(*index));
    return absl::OkStatus();
  };
  const absl::Status done = parts_.store->Commit({.apply = put});
  if (absl::IsUnavailable(done)) return AuditUnavailable();
  if (!done.ok()) return done;
  return response;
}

absl::StatusOr<v1::OptOutResponse> OptOuts::OptOut(const Caller& caller, RequestId& request_id,
                                                   const v1::OptOutRequest& request) {
  return Put<v1::OptOutResponse>(caller, request_id, "OptOut", request, /*opted_out=*/true);
}

absl::StatusOr<v1::OptInResponse> OptOuts::OptIn(const Caller& caller, RequestId& request_id,
                                                 const v1::OptInRequest& request) {
  return Put<v1::OptInResponse>(caller, request_id, "OptIn", request, /*opted_out=*/false);
}

absl::StatusOr<v1::CheckOptOutsResponse> OptOuts::Check(const Caller& caller, RequestId& request_id,
                                                        const v1::CheckOptOutsRequest& request) {
  const absl::StatusOr<OwnerAdmitted> owner = parts_.admission->AdmitOwner(
      caller, request_id, "CheckOptOuts", request.parent(), std::nullopt);
  if (!owner.ok()) return owner.status();
  const absl::StatusOr<std::vector<std::vector<policy::SubjectName>>> all =
      NamesOfAll(request.subjects());
  if (!all.ok()) return all.status();
  v1::CheckOptOutsResponse response;
  for (const std::vector<policy::SubjectName>& names : *all) {
    const absl::StatusOr<std::vector<std::string>> purposes =
        parts_.store->OptOutsOf(owner->permit, owner->receipt, names);
    if (!purposes.ok()) return purposes.status();
    v1::OptOutStatus& status = *response.add_statuses();
    for (const std::string& purpose : *purposes) {
      if (purpose.empty()) {
        status.set_all_purposes(true);
      } else {
        status.add_purposes(purpose);
      }
    }
  }
  return response;
}

}  // namespace sluice::server
