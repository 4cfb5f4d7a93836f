#include "client/subject_proof.h"

#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/subject_bitmap.h"

namespace sluice::client {
namespace {

using Json = nlohmann::json;

// The commitment to the subjects of a disclosure of the owner's; nullopt of any other entry.
// DATA_LOSS if it is such a disclosure and says nothing of them.
absl::StatusOr<std::optional<std::string>> CommitmentIn(const std::string& body,
                                                        const std::string& owner) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("type", Json()) != "disclosure" ||
      json.value("owner", Json()) != owner) {
    return std::nullopt;
  }
  const auto subjects = json.find("subjects");
  if (subjects != json.end() && subjects->is_object()) {
    const auto commit = subjects->find("commit");
    if (commit != subjects->end() && commit->is_string()) return commit->get<std::string>();
  }
  return absl::DataLossError("a disclosure does not say whom it is about");
}

std::string CommitmentTo(const v1::Opening& opening) {
  const std::string text = absl::StrCat("bm1", opening.salt(), opening.value());
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

absl::Status Wrong(int64_t index, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("entry ", index, ": ", what));
}

// Replays the disclosures: those in `commitments` that can be opened leave it, and those about the
// person come into `about`.
absl::Status Replay(Gateway& gateway, const SubjectClaim& claim,
                    const std::function<Retry()>& new_retry,
                    std::map<int64_t, std::string>& commitments, std::set<int64_t>& about) {
  v1::ListOpeningsRequest request;
  request.set_parent(absl::StrCat("organizations/", claim.owner));
  request.set_field("subjects");
  request.set_page_size(1000);
  std::set<std::string> tokens;
  do {
    Retry retry = new_retry();
    const absl::StatusOr<v1::ListOpeningsResponse> page =
        retry.Run([&] { return gateway.ListOpenings(request); });
    if (!page.ok()) return page.status();
    for (const v1::Opening& opening : page->openings()) {
      const auto commitment = commitments.find(opening.index());
      if (opening.field() != "subjects" || commitment == commitments.end()) continue;
      if (CommitmentTo(opening) != commitment->second) {
        return Wrong(opening.index(), "its subjects are not those that it commits to");
      }
      const absl::StatusOr<policy::SubjectBitmap> bitmap =
          policy::SubjectBitmap::Read(opening.value());
      if (!bitmap.ok()) return Wrong(opening.index(), bitmap.status().message());
      commitments.erase(commitment);
      const bool is_about =
          std::any_of(claim.ordinals.begin(), claim.ordinals.end(),
                      [&](uint32_t ordinal) { return bitmap->Contains(ordinal); });
      if (is_about) about.insert(opening.index());
    }
    request.set_page_token(page->next_page_token());
    if (!request.page_token().empty() && !tokens.insert(request.page_token()).second) {
      return absl::DataLossError("the gateway's page of openings leads no further");
    }
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SubjectProof> ProveSubject(Gateway& gateway, const LogVerifierKey& key,
                                          const std::optional<LogCheckpoint>& held,
                                          const SubjectClaim& claim,
                                          const std::function<Retry()>& new_retry,
                                          const std::function<void(int64_t)>& progress) {
  std::map<int64_t, std::string> commitments;
  const auto visit = [&](int64_t index, const std::string& body) -> absl::Status {
    if (index >= claim.log_size) return absl::OkStatus();
    absl::StatusOr<std::optional<std::string>> commitment = CommitmentIn(body, claim.owner);
    if (!commitment.ok()) return Wrong(index, commitment.status().message());
    if (commitment->has_value()) commitments[index] = **std::move(commitment);
    return absl::OkStatus();
  };
  absl::StatusOr<LogReport> log =
      VerifyLog(gateway, key, held, /*start=*/0, new_retry, progress, visit);
  if (!log.ok()) return log.status();
  if (static_cast<int64_t>(log->checkpoint.size) < claim.log_size) {
    return absl::DataLossError("the report is of more entries than the log's checkpoint");
  }
  SubjectProof proof{.log = *std::move(log)};
  const auto all = static_cast<int64_t>(commitments.size());
  std::set<int64_t> about;
  absl::Status replayed = Replay(gateway, claim, new_retry, commitments, about);
  if (!replayed.ok()) return replayed;
  proof.unopened = static_cast<int64_t>(commitments.size());
  proof.disclosures = all - proof.unopened;
  for (const int64_t index : claim.disclosures) {
    if (about.erase(index) == 0) {
      return Wrong(index, "the report names it, and it is not about this person");
    }
  }
  if (!about.empty()) {
    return Wrong(*about.begin(), "it is about this person, and the report does not name it");
  }
  return proof;
}

}  // namespace sluice::client
