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

std::string Text(const Json& json, const char* key) {
  const auto member = json.find(key);
  return member != json.end() && member->is_string() ? member->get<std::string>() : "";
}

int64_t Number(const Json& json, const char* key) {
  const auto member = json.find(key);
  return member != json.end() && member->is_number_integer() ? member->get<int64_t>() : 0;
}

Json Member(const Json& json, const char* key) {
  const auto member = json.find(key);
  return member != json.end() ? *member : Json();
}

void CopyTexts(const Json& json, const char* key,
               google::protobuf::RepeatedPtrField<std::string>* out) {
  for (const Json& item : Member(json, key)) {
    if (item.is_string()) out->Add(item.get<std::string>());
  }
}

// The line that an entry says; what no entry holds is left out of it.
v1::SubjectDisclosure LineOf(int64_t index, const Json& entry) {
  v1::SubjectDisclosure line;
  line.set_index(index);
  const int64_t time_ms = Number(entry, "time_ms");
  line.mutable_disclosure_time()->set_seconds(time_ms / 1000);
  line.mutable_disclosure_time()->set_nanos(static_cast<int32_t>(time_ms % 1000 * 1'000'000));
  const Json caller = Member(entry, "caller");
  line.set_recipient(Text(caller, "organization"));
  line.set_system(Text(caller, "system"));
  line.set_spki(Text(caller, "spki"));
  line.set_purpose(Text(entry, "purpose"));
  CopyTexts(entry, "authority", line.mutable_authority());
  line.set_mou(Text(entry, "mou"));
  line.set_version(static_cast<int32_t>(Number(entry, "version")));
  line.set_document_digest(Text(entry, "document"));
  CopyTexts(entry, "grants", line.mutable_grants());
  line.set_record_type(Text(entry, "record"));
  for (const Json& field : Member(entry, "fields")) {
    v1::DisclosedField& out = *line.add_fields();
    out.set_path(Text(field, "path"));
    out.set_rule(Text(field, "rule"));
  }
  line.set_rows_released(Number(Member(entry, "rows"), "released"));
  line.set_decision_index(Number(entry, "of"));
  // 34 CFR 99.32(d).
  const auto is_exempt = [](const std::string& basis) {
    return basis == "FERPA_CONSENT" || basis == "FERPA_SCHOOL_OFFICIAL" ||
           basis == "FERPA_DIRECTORY_INFORMATION";
  };
  line.set_recordable(line.authority().empty() ||
                      !std::all_of(line.authority().begin(), line.authority().end(), is_exempt));
  return line;
}

// Whether a line that was told is the entry's, but for what no entry holds.
bool IsLine(v1::SubjectDisclosure told, const v1::SubjectDisclosure& line) {
  told.clear_purpose_description();
  told.clear_redisclosure();
  told.clear_redisclose_to();
  return told.SerializeAsString() == line.SerializeAsString();
}

absl::Status Wrong(int64_t index, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("entry ", index, ": ", what));
}

// What the log says, as far as the report is about it.
struct Said {
  std::map<int64_t, std::string> commitments;      // to the subjects, of the owner's disclosures
  std::set<int64_t> told;                          // the entries that the report names
  std::map<int64_t, v1::SubjectDisclosure> lines;  // of those that were told
  bool key_destroyed = false;                      // the one of the owner's openings, once at least
};

absl::Status Take(int64_t index, const std::string& body, const SubjectClaim& claim, Said& said) {
  const Json entry = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object() || Text(entry, "owner") != claim.owner) return absl::OkStatus();
  if (Text(entry, "type") == "key" && Text(entry, "key") == "dictionary" &&
      Text(entry, "action") == "DESTROYED") {
    said.key_destroyed = true;
  }
  if (Text(entry, "type") != "disclosure" || index >= claim.log_size) return absl::OkStatus();
  const std::string commitment = Text(Member(entry, "subjects"), "commit");
  if (commitment.empty()) return Wrong(index, "a disclosure does not say whom it is about");
  said.commitments[index] = commitment;
  if (said.told.count(index) > 0) said.lines[index] = LineOf(index, entry);
  return absl::OkStatus();
}

std::string CommitmentTo(const v1::Opening& opening) {
  const std::string text = absl::StrCat("bm1", opening.salt(), opening.value());
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

// Replays the disclosures: those in `commitments` that can be opened leave it, and those about the
// person come into `about`. `destroyed`: how many the gateway says that nobody can open.
absl::Status Replay(Gateway& gateway, const SubjectClaim& claim,
                    const std::function<Retry()>& new_retry,
                    std::map<int64_t, std::string>& commitments, std::set<int64_t>& about,
                    int64_t& destroyed) {
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
    destroyed += page->destroyed_count();
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
  Said said;
  for (const v1::SubjectDisclosure& told : claim.disclosures) said.told.insert(told.index());
  const auto visit = [&](int64_t index, const std::string& body) {
    return Take(index, body, claim, said);
  };
  absl::StatusOr<LogReport> log =
      VerifyLog(gateway, key, held, /*start=*/0, new_retry, progress, visit);
  if (!log.ok()) return log.status();
  if (static_cast<int64_t>(log->checkpoint.size) < claim.log_size) {
    return absl::DataLossError("the report is of more entries than the log's checkpoint");
  }
  SubjectProof proof{.log = *std::move(log)};
  const auto all = static_cast<int64_t>(said.commitments.size());
  std::set<int64_t> about;
  int64_t destroyed = 0;
  absl::Status replayed = Replay(gateway, claim, new_retry, said.commitments, about, destroyed);
  if (!replayed.ok()) return replayed;
  proof.unopened = static_cast<int64_t>(said.commitments.size());
  proof.disclosures = all - proof.unopened;
  if (proof.unopened > 0 && (proof.unopened > destroyed || !said.key_destroyed)) {
    return Wrong(said.commitments.begin()->first,
                 "what opens it is withheld: the log knows of no key that was destroyed for it");
  }
  for (const v1::SubjectDisclosure& told : claim.disclosures) {
    if (about.erase(told.index()) == 0) {
      return Wrong(told.index(), "the report names it, and it is not about this person");
    }
    if (!IsLine(told, said.lines[told.index()])) {
      return Wrong(told.index(), "the report tells it otherwise than the log");
    }
  }
  if (!about.empty()) {
    return Wrong(*about.begin(), "it is about this person, and the report does not name it");
  }
  return proof;
}

}  // namespace sluice::client
