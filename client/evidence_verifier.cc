#include "client/evidence_verifier.h"

#include <openssl/sha.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "policy/subject_bitmap.h"

namespace sluice::client {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFailures = 100;

std::string Text(const Json& json, const char* key) {
  if (!json.is_object()) return "";
  const auto member = json.find(key);
  return member != json.end() && member->is_string() ? member->get<std::string>() : "";
}

// Whether any part of it is this text. No entry of ours is nested so deep, and no stack is endless.
bool Says(const Json& json, absl::string_view text, int depth = 16) {
  if (json.is_string()) return json.get_ref<const std::string&>() == text;
  return json.is_structured() && depth > 0 &&
         std::any_of(json.begin(), json.end(),
                     [&](const Json& part) { return Says(part, text, depth - 1); });
}

bool IsBefore(const Json& entry, const std::string& time, bool& known) {
  absl::Time moment;
  const auto millis = entry.find("time_ms");
  known = millis != entry.end() && millis->is_number_integer() &&
          absl::ParseTime(absl::RFC3339_full, time, &moment, nullptr);
  return known && absl::FromUnixMillis(millis->get<int64_t>()) < moment;
}

// Whether the entry says what was asked for. Of an organization or a principal: that it names it.
bool IsChosen(const Json& entry, const std::string& name, const std::string& value) {
  if (!entry.is_object()) return false;
  bool known = false;
  if (name == "since") return !IsBefore(entry, value, known) && known;
  if (name == "until") return IsBefore(entry, value, known);
  if (name == "organization") return Says(entry, value);
  if (name == "principal") {
    const std::vector<std::string> path = absl::StrSplit(value, '/');
    if (path.size() == 5) return Says(entry, path[2]) && Says(entry, path[4]);
    return Says(entry, absl::AsciiStrToLower(absl::StripPrefix(value, "sha256:")));
  }
  return Text(entry, name == "record-type" ? "record" : name.c_str()) == value;
}

std::string Entries(uint64_t first, uint64_t last) {
  return first == last ? absl::StrCat("entry ", first)
                       : absl::StrCat("entries ", first, " to ", last);
}

// To the subjects of a disclosure.
std::string Commitment(absl::string_view salt, absl::string_view value) {
  const std::string text = absl::StrCat("bm1", salt, value);
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

class Verification {
 public:
  Verification(const EvidenceBundle& bundle, EvidenceReport& report)
      : bundle_(bundle), report_(report) {}

  void VerifyEarlier(const LogVerifierKey& key) {
    if (!bundle_.earlier.has_value()) return;
    absl::StatusOr<LogCheckpoint> earlier = OpenCheckpoint(bundle_.earlier->note, key);
    if (!earlier.ok()) {
      return Fail(absl::StrCat("the earlier checkpoint: ", earlier.status().message()));
    }
    const LogCheckpoint& now = report_.checkpoint;
    const absl::Status continued =
        VerifyConsistency(earlier->size, earlier->root, now.size, now.root, bundle_.earlier->proof);
    if (!continued.ok()) {
      return Fail(absl::StrCat("the checkpoint of ", now.size,
                               " entries does not continue the earlier one of ", earlier->size,
                               ": ", continued.message()));
    }
    report_.earlier = *std::move(earlier);
  }

  void VerifyEntries() {
    for (const EvidenceBundle::Run& run : bundle_.runs) {
      std::vector<TreeHash> leaves;
      for (size_t i = 0; i < run.entries.size(); ++i) {
        const EvidenceBundle::Entry& entry = run.entries[i];
        leaves.push_back(entry.leaf);
        if (LeafHash(entry.body) != entry.leaf) {
          Fail(absl::StrCat("entry ", run.first + i,
                            ": its bytes are not those that its leaf's hash was made of"));
        }
        VerifyChoice(run.first + i, entry);
        VerifySubject(run.first + i, entry);
      }
      report_.entries += static_cast<int64_t>(leaves.size());
      const absl::Status proven = VerifyRange(leaves, run.first, report_.checkpoint.size, run.proof,
                                              report_.checkpoint.root);
      if (!proven.ok()) {
        Fail(absl::StrCat(Entries(run.first, run.first + leaves.size() - 1), ": ",
                          proven.message()));
      }
    }
  }

  // Of a range: that it is one.
  void VerifyWhole() {
    if (bundle_.end > report_.checkpoint.size) {
      Fail(absl::StrCat("entry ", bundle_.end - 1, ": the checkpoint covers only ",
                        report_.checkpoint.size, " entries"));
    }
    if (!bundle_.is_range) return;
    uint64_t next = bundle_.begin;
    const auto expect = [&](uint64_t index) {
      if (next < index) Fail(absl::StrCat(Entries(next, index - 1), ": left out of the range"));
    };
    for (const EvidenceBundle::Run& run : bundle_.runs) {
      expect(run.first);
      next = run.first + run.entries.size();
    }
    expect(bundle_.end);
  }

  void CompareWith(const std::optional<LogCheckpoint>& held) {
    using History = EvidenceReport::History;
    if (!held.has_value()) return;
    const LogCheckpoint& now = report_.checkpoint;
    const std::optional<TreeHash> root = RootAt(held->size);
    if (root.has_value()) {
      report_.history = History::kContinued;
      if (*root != held->root) {
        Fail(absl::StrCat("the log's first ", held->size,
                          " entries are not those of the checkpoint that was held: its history "
                          "was changed"));
      }
    } else {
      report_.history = held->size < now.size ? History::kUnproven : History::kOlder;
    }
  }

  void Fail(std::string what) {
    if (report_.failures.size() < kMaxFailures) report_.failures.push_back(std::move(what));
  }

 private:
  void VerifyChoice(uint64_t index, const EvidenceBundle::Entry& entry) {
    if (bundle_.filter.empty()) return;
    const Json json = Json::parse(entry.body, nullptr, /*allow_exceptions=*/false);
    for (const auto& [name, value] : bundle_.filter) {
      if (IsChosen(json, name, value)) continue;
      Fail(absl::StrCat("entry ", index, ": is not of what the bundle says that it holds: ", name,
                        " ", value));
    }
  }

  // Of a bundle about one person: that it is the owner's disclosure, and, if the bundle says so,
  // that it was about who has these ordinals.
  void VerifySubject(uint64_t index, const EvidenceBundle::Entry& entry) {
    if (!bundle_.subject.has_value()) return;
    const auto wrong = [&](absl::string_view why) {
      Fail(absl::StrCat("entry ", index, ": ", why));
    };
    const Json json = Json::parse(entry.body, nullptr, /*allow_exceptions=*/false);
    if (Text(json, "type") != "disclosure" || Text(json, "owner") != bundle_.subject->owner) {
      return wrong(absl::StrCat("is no disclosure of records of ", bundle_.subject->owner));
    }
    const std::vector<uint32_t>& ordinals = bundle_.subject->ordinals;
    if (ordinals.empty()) return;
    if (!entry.opening.has_value()) return wrong("what opens it is left out");
    const auto subjects = json.find("subjects");
    if (subjects == json.end() ||
        Text(*subjects, "commit") != Commitment(entry.opening->salt, entry.opening->value)) {
      return wrong("whom it is said to be about is not what it commits to");
    }
    const absl::StatusOr<policy::SubjectBitmap> bitmap =
        policy::SubjectBitmap::Read(entry.opening->value);
    if (!bitmap.ok()) return wrong(bitmap.status().message());
    if (std::none_of(ordinals.begin(), ordinals.end(),
                     [&](uint32_t ordinal) { return bitmap->Contains(ordinal); })) {
      wrong("is not about this person");
    }
  }

  // The root of the log's first entries, as far as the bundle shows it.
  std::optional<TreeHash> RootAt(uint64_t size) const {
    if (size == report_.checkpoint.size) return report_.checkpoint.root;
    if (report_.earlier.has_value() && size == report_.earlier->size) return report_.earlier->root;
    if (size == 0) return EmptyRoot();
    if (bundle_.runs.empty() || bundle_.runs.front().first != 0 ||
        bundle_.runs.front().entries.size() < size) {
      return std::nullopt;
    }
    TreeHasher hasher;
    for (uint64_t i = 0; i < size; ++i) hasher.Add(bundle_.runs.front().entries[i].leaf);
    return hasher.Root();
  }

  const EvidenceBundle& bundle_;
  EvidenceReport& report_;
};

}  // namespace

absl::StatusOr<EvidenceReport> VerifyEvidence(const EvidenceBundle& bundle,
                                              const LogVerifierKey& key,
                                              const std::optional<LogCheckpoint>& held) {
  if (bundle.vkey != key.text()) {
    return absl::DataLossError(absl::StrCat("the bundle is of another key than the one trusted: ",
                                            bundle.vkey, ", and trusted is ", key.text()));
  }
  absl::StatusOr<LogCheckpoint> checkpoint = OpenCheckpoint(bundle.note, key);
  if (!checkpoint.ok()) return checkpoint.status();
  EvidenceReport report;
  report.checkpoint = *std::move(checkpoint);
  Verification verification(bundle, report);
  verification.VerifyEarlier(key);
  verification.VerifyEntries();
  verification.VerifyWhole();
  verification.CompareWith(held);
  if (!bundle.is_undamaged)
    verification.Fail("the bundle was damaged: its digest is of other bytes");
  return report;
}

}  // namespace sluice::client
