#include "server/mou_rpc.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/mou_status.h"
#include "server/page_size.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kPrefix = "mous/";
constexpr absl::string_view kVersions = "/versions/";
constexpr absl::string_view kOrganizations = "organizations/";

absl::StatusOr<std::string> MouNamed(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPrefix) || name.empty() || name.find('/') != name.npos) {
    return Invalid("name", "must be mous/{mou}");
  }
  return std::string(name);
}

// An MOU, and one of its versions or 0.
using Named = std::pair<std::string, int>;

absl::StatusOr<Named> VersionNamed(absl::string_view name) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(name, absl::MaxSplits(kVersions, 1));
  int version = 0;
  const absl::StatusOr<std::string> mou = MouNamed(parts.first);
  if (!mou.ok() || !absl::SimpleAtoi(parts.second, &version) || version < 1) {
    return Invalid("name", "must be mous/{mou}/versions/{version}");
  }
  return Named(*mou, version);
}

std::optional<absl::CivilDay> DayOf(const google::type::Date& date) {
  const absl::CivilDay day(date.year(), date.month(), date.day());
  // CivilDay takes the 31st of June for the 1st of July.
  if (day.year() != date.year() || day.month() != date.month() || day.day() != date.day() ||
      date.year() < 1 || date.year() > 9999) {
    return std::nullopt;
  }
  return day;
}

// Whose signature a request brings.
absl::StatusOr<std::string> SignerOf(const Call& call, absl::string_view name) {
  if (name.empty()) return std::string(call.caller().organization());
  if (!absl::ConsumePrefix(&name, kOrganizations)) {
    return Invalid("organization", "must be organizations/{organization}");
  }
  return std::string(name);
}

// Those that are not in the store.
std::vector<policy::MouVersion> Proposed(const std::vector<policy::MouVersion>& versions,
                                         const TakenVersions& taken) {
  std::vector<policy::MouVersion> proposed;
  for (const policy::MouVersion& version : versions) {
    if (!taken.contains(version.mou->version())) proposed.push_back(version);
  }
  return proposed;
}

}  // namespace

template <typename Serve>
grpc::Status MouRpc::Run(grpc::ServerContext* context, const char* rpc, Serve serve) {
  Call call(parts_.calls, rpc);
  absl::Status status = call.Begin(*context->auth_context());
  if (status.ok()) {
    status = parts_.calls.admission->AdmitCall(call.caller(), call.request_id(), call.rpc());
  }
  if (status.ok()) status = serve(call);
  return call.End(status);
}

v1::MouStatus MouRpc::View(const Call& call, absl::string_view mou, bool whole) const {
  const TakenVersions taken = parts_.mous->VersionsOf(std::string(mou));
  const std::shared_ptr<const policy::MouSet> set = parts_.mous->Current();
  return StatusOf(mou, call.caller().organization(), taken, Proposed(set->Versions(mou), taken),
                  whole);
}

absl::Status MouRpc::List(Call& call, const v1::ListMousRequest& request,
                          v1::ListMousResponse& response) {
  const absl::StatusOr<Page> page = PageOf(request.page_size(), "");
  if (!page.ok()) return page.status();
  const std::shared_ptr<const policy::MouSet> set = parts_.mous->Current();
  const std::vector<std::string>& names = set->MousNaming(call.caller().organization());
  // A token is the last name before it: what is added meanwhile moves nothing.
  auto next = request.page_token().empty()
                  ? names.begin()
                  : std::upper_bound(names.begin(), names.end(), request.page_token());
  for (; next != names.end(); ++next) {
    if (static_cast<uint64_t>(response.mous_size()) == page->size) {
      response.set_next_page_token(*std::prev(next));
      break;
    }
    *response.add_mous() = View(call, *next, /*whole=*/false);
  }
  return absl::OkStatus();
}

absl::Status MouRpc::PutHistory(const TakenVersion& version, int most,
                                v1::MouVersionStatus& status) const {
  std::optional<uint64_t> index = version.stored.log_index;
  while (index.has_value() && status.history_size() < most) {
    const uint64_t at = *index;
    index.reset();
    bool found = false;
    const absl::Status read = parts_.store->ReadLogRows(at, at + 1, [&](const LogRow& row) {
      const absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
      if (row.index != at || !entry.ok() || entry->type != "mou") return false;
      found = true;
      v1::MouEvent& event = *status.add_history() = EventOf(*entry);
      event.set_log_index(static_cast<int64_t>(at));
      const int64_t previous = entry->json.FindInteger("previous", -1);
      // Each step is later than the one before it.
      if (previous >= 0 && static_cast<uint64_t>(previous) < at) index = previous;
      return false;
    });
    if (!read.ok()) return StoreUnavailable();
    if (!found) return NotAsSealed();
  }
  return absl::OkStatus();
}

absl::Status MouRpc::Get(Call& call, absl::string_view name, v1::MouStatus& status) {
  std::optional<std::string> one;  // version
  if (absl::StrContains(name, kVersions)) {
    if (const absl::StatusOr<Named> version = VersionNamed(name); !version.ok()) {
      return version.status();
    }
    one = std::string(name);
    name = name.substr(0, name.find(kVersions));
  }
  const absl::StatusOr<std::string> mou = MouNamed(name);
  if (!mou.ok()) return mou.status();
  const TakenVersions taken = parts_.mous->VersionsOf(*mou);
  status = View(call, *mou, /*whole=*/true);
  auto& versions = *status.mutable_versions();
  versions.erase(std::remove_if(versions.begin(), versions.end(),
                                [&](const v1::MouVersionStatus& version) {
                                  return one.has_value() && version.name() != *one;
                                }),
                 versions.end());
  if (versions.empty()) {
    return parts_.calls.admission->NoMou(call.caller(), call.request_id(), call.rpc());
  }
  int events = one.has_value() ? kMaxEvents : kMaxEventsOfAll;
  size_t bytes = 0;
  for (v1::MouVersionStatus& version : versions) {
    bytes += version.ByteSizeLong();
    // The newest is always whole.
    if (bytes > kMaxBytesOfAll && &version != &versions[0]) {
      version.clear_document();
      for (v1::PartyStatus& party : *version.mutable_parties()) party.clear_signature();
    }
    for (const auto& [number, held] : taken) {
      if (held->mou->document_digest() != version.document_digest()) continue;
      if (const absl::Status s = PutHistory(*held, events, version); !s.ok()) return s;
      events -= version.history_size();
    }
  }
  return absl::OkStatus();
}

MouAct MouRpc::ActOf(Call& call, v1::MouAction action) {
  MouAct act;
  act.action = action;
  act.request = call.request_id();
  act.caller = {call.caller().principal(), call.caller().spki()};
  return act;
}

absl::Status MouRpc::MustSee(Call& call, absl::string_view mou) {
  if (!View(call, mou, /*whole=*/false).versions().empty()) return absl::OkStatus();
  return parts_.calls.admission->NoMou(call.caller(), call.request_id(), call.rpc());
}

template <typename Request>
absl::Status MouRpc::Act(Call& call, const Request& request, MouAct act, v1::MouStatus& status) {
  absl::string_view name = request.name();
  // A proposal is ended without its MOU.
  if (act.action == v1::MOU_ACTION_TERMINATE && absl::StrContains(name, kVersions)) {
    const absl::StatusOr<Named> version = VersionNamed(name);
    if (!version.ok()) return version.status();
    act.version = version->second;
    name = name.substr(0, name.find(kVersions));
  }
  const absl::StatusOr<std::string> mou = MouNamed(name);
  if (!mou.ok()) return mou.status();
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return now.status();
  act.mou = *mou;
  act.etag = request.etag();
  if (const absl::Status s = MustSee(call, act.mou); !s.ok()) return s;
  if (const absl::Status s = parts_.mous->Act(act, *now); !s.ok()) return s;
  status = View(call, act.mou, /*whole=*/false);
  return absl::OkStatus();
}

absl::Status MouRpc::Propose(Call& call, const v1::ProposeMouRequest& request,
                             v1::MouStatus& status) {
  if (request.document().empty()) return Invalid("document", "is required: its bytes");
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return now.status();
  const absl::StatusOr<std::string> mou =
      parts_.mous->Propose(ActOf(call, v1::MOU_ACTION_PROPOSE), request.document(), *now);
  if (absl::IsAlreadyExists(mou.status())) {
    // Who tries names finds himself in the log, as who asks for MOUs of others does.
    const absl::Status told =
        parts_.calls.admission->NoMou(call.caller(), call.request_id(), call.rpc());
    return absl::IsNotFound(told) ? mou.status() : told;
  }
  if (!mou.ok()) return mou.status();
  status = View(call, *mou, /*whole=*/false);
  return absl::OkStatus();
}

absl::Status MouRpc::Sign(Call& call, const v1::SignMouRequest& request, v1::MouStatus& status) {
  const absl::StatusOr<Named> named = VersionNamed(request.name());
  if (!named.ok()) return named.status();
  if (request.signature().empty()) return Invalid("signature", "is required: CMS in DER");
  const absl::StatusOr<std::string> organization = SignerOf(call, request.organization());
  if (!organization.ok()) return organization.status();
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return now.status();
  MouAct act = ActOf(call, v1::MOU_ACTION_SIGN);
  std::tie(act.mou, act.version) = *named;
  if (const absl::Status s = MustSee(call, act.mou); !s.ok()) return s;
  const absl::Status signed_now =
      parts_.mous->Sign(act, *organization, request.signature(), *parts_.trust(), *now);
  if (!signed_now.ok()) return signed_now;
  status = View(call, act.mou, /*whole=*/false);
  return absl::OkStatus();
}

absl::Status MouRpc::Attest(Call& call, const v1::AttestDestructionRequest& request,
                            v1::MouStatus& status) {
  const absl::StatusOr<Named> named = VersionNamed(request.name());
  if (!named.ok()) return named.status();
  const std::optional<absl::CivilDay> as_of = DayOf(request.as_of());
  if (!as_of.has_value()) return Invalid("as_of", "is no day of the calendar");
  if (request.signature().empty()) return Invalid("signature", "is required: CMS in DER");
  const absl::StatusOr<std::string> organization = SignerOf(call, request.organization());
  if (!organization.ok()) return organization.status();
  const absl::StatusOr<absl::Time> now = parts_.calls.clock->Now();
  if (!now.ok()) return now.status();
  MouAct act = ActOf(call, v1::MOU_ACTION_ATTEST);
  std::tie(act.mou, act.version) = *named;
  if (const absl::Status s = MustSee(call, act.mou); !s.ok()) return s;
  const absl::Status attested =
      parts_.mous->Attest(act, *organization, *as_of, request.signature(), *parts_.trust(), *now);
  if (!attested.ok()) return attested;
  status = View(call, act.mou, /*whole=*/false);
  return absl::OkStatus();
}

grpc::Status MouRpc::ListMous(grpc::ServerContext* context, const v1::ListMousRequest* request,
                              v1::ListMousResponse* response) {
  return Run(context, "ListMous", [&](Call& call) { return List(call, *request, *response); });
}

grpc::Status MouRpc::GetMou(grpc::ServerContext* context, const v1::GetMouRequest* request,
                            v1::GetMouResponse* response) {
  return Run(context, "GetMou",
             [&](Call& call) { return Get(call, request->name(), *response->mutable_mou()); });
}

grpc::Status MouRpc::ProposeMou(grpc::ServerContext* context, const v1::ProposeMouRequest* request,
                                v1::ProposeMouResponse* response) {
  return Run(context, "ProposeMou",
             [&](Call& call) { return Propose(call, *request, *response->mutable_mou()); });
}

grpc::Status MouRpc::SignMou(grpc::ServerContext* context, const v1::SignMouRequest* request,
                             v1::SignMouResponse* response) {
  return Run(context, "SignMou",
             [&](Call& call) { return Sign(call, *request, *response->mutable_mou()); });
}

grpc::Status MouRpc::AttestDestruction(grpc::ServerContext* context,
                                       const v1::AttestDestructionRequest* request,
                                       v1::AttestDestructionResponse* response) {
  return Run(context, "AttestDestruction",
             [&](Call& call) { return Attest(call, *request, *response->mutable_mou()); });
}

grpc::Status MouRpc::SuspendMou(grpc::ServerContext* context, const v1::SuspendMouRequest* request,
                                v1::SuspendMouResponse* response) {
  return Run(context, "SuspendMou", [&](Call& call) {
    return Act(call, *request, ActOf(call, v1::MOU_ACTION_SUSPEND), *response->mutable_mou());
  });
}

grpc::Status MouRpc::ResumeMou(grpc::ServerContext* context, const v1::ResumeMouRequest* request,
                               v1::ResumeMouResponse* response) {
  return Run(context, "ResumeMou", [&](Call& call) {
    return Act(call, *request, ActOf(call, v1::MOU_ACTION_RESUME), *response->mutable_mou());
  });
}

grpc::Status MouRpc::TerminateMou(grpc::ServerContext* context,
                                  const v1::TerminateMouRequest* request,
                                  v1::TerminateMouResponse* response) {
  return Run(context, "TerminateMou", [&](Call& call) -> absl::Status {
    MouAct act = ActOf(call, v1::MOU_ACTION_TERMINATE);
    act.reason = request->reason();
    if (act.reason == v1::TERMINATION_REASON_UNSPECIFIED ||
        !v1::TerminationReason_IsValid(act.reason)) {
      return Invalid("reason", "is required: one of TerminationReason");
    }
    if (request->has_effective()) {
      act.effective = DayOf(request->effective());
      if (!act.effective.has_value()) return Invalid("effective", "is no day of the calendar");
    }
    return Act(call, *request, std::move(act), *response->mutable_mou());
  });
}

grpc::Status MouRpc::WithdrawGrant(grpc::ServerContext* context,
                                   const v1::WithdrawGrantRequest* request,
                                   v1::WithdrawGrantResponse* response) {
  return Run(context, "WithdrawGrant", [&](Call& call) -> absl::Status {
    if (request->grant().empty()) return Invalid("grant", "is required: the grant's name");
    MouAct act = ActOf(call, v1::MOU_ACTION_WITHDRAW_GRANT);
    act.grant = request->grant();
    return Act(call, *request, std::move(act), *response->mutable_mou());
  });
}

}  // namespace sluice::server
