#include "server/subject_disclosures.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "policy/digest.h"
#include "policy/record_validator.h"
#include "policy/subject_bitmap.h"
#include "server/error.h"
#include "server/page_size.h"
#include "server/subject_names.h"
#include "server/subject_question.h"

namespace sluice::server {
namespace {

constexpr size_t kTokenDigits = 16;
// The bases whose disclosures 34 CFR 99.32(d) exempts from being recorded.
constexpr absl::string_view kExempt[] = {"FERPA_CONSENT", "FERPA_SCHOOL_OFFICIAL",
                                         "FERPA_DIRECTORY_INFORMATION"};

// Whose page a token goes on with: names that were joined or parted since are another's.
std::string TokenOf(uint64_t next, const std::vector<uint32_t>& ordinals) {
  return absl::StrCat(
      next, "-",
      absl::StripPrefix(policy::Sha256Digest(absl::StrJoin(ordinals, ",")), "sha256:")
          .substr(0, kTokenDigits));
}

void CopyStrings(const JsonValue& json, absl::string_view key,
                 google::protobuf::RepeatedPtrField<std::string>* out) {
  const JsonValue* const array = json.Find(key, JsonValue::Kind::kArray);
  if (array == nullptr) return;
  for (const JsonValue& item : array->items) out->Add(std::string(item.string));
}

v1::SubjectDisclosure DisclosureOf(uint64_t index, const ParsedEntry& entry) {
  const JsonValue& json = entry.json;
  const auto text = [&](absl::string_view key) { return std::string(json.FindString(key)); };
  v1::SubjectDisclosure disclosure;
  disclosure.set_index(static_cast<int64_t>(index));
  auto* const time = disclosure.mutable_disclosure_time();
  time->set_seconds(entry.time_ms / 1000);
  time->set_nanos(static_cast<int32_t>(entry.time_ms % 1000 * 1'000'000));
  if (const JsonValue* const caller = json.Find("caller", JsonValue::Kind::kObject)) {
    disclosure.set_recipient(std::string(caller->FindString("organization")));
    disclosure.set_system(std::string(caller->FindString("system")));
    disclosure.set_spki(std::string(caller->FindString("spki")));
  }
  disclosure.set_purpose(text("purpose"));
  CopyStrings(json, "authority", disclosure.mutable_authority());
  disclosure.set_mou(text("mou"));
  disclosure.set_version(static_cast<int32_t>(json.FindInteger("version", 0)));
  disclosure.set_document_digest(text("document"));
  CopyStrings(json, "grants", disclosure.mutable_grants());
  disclosure.set_record_type(text("record"));
  if (const JsonValue* const fields = json.Find("fields", JsonValue::Kind::kArray)) {
    for (const JsonValue& field : fields->items) {
      v1::DisclosedField& out = *disclosure.add_fields();
      out.set_path(std::string(field.FindString("path")));
      out.set_rule(std::string(field.FindString("rule")));
    }
  }
  if (const JsonValue* const rows = json.Find("rows", JsonValue::Kind::kObject)) {
    disclosure.set_rows_released(rows->FindInteger("released", 0));
  }
  disclosure.set_decision_index(json.FindInteger("of", 0));
  const auto is_exempt = [](absl::string_view basis) {
    return std::find(std::begin(kExempt), std::end(kExempt), basis) != std::end(kExempt);
  };
  disclosure.set_recordable(
      disclosure.authority().empty() ||
      !std::all_of(disclosure.authority().begin(), disclosure.authority().end(), is_exempt));
  return disclosure;
}

// What the MOU that was enforced says of it.
void AddTerms(const policy::MouSet& mous, v1::SubjectDisclosure& disclosure) {
  for (const policy::MouVersion& version : mous.Versions(disclosure.mou())) {
    if (version.mou->document_digest() != disclosure.document_digest()) continue;
    const v1::Mou& mou = version.mou->mou();
    const auto purpose = mou.purposes().find(disclosure.purpose());
    if (purpose != mou.purposes().end()) disclosure.set_purpose_description(purpose->second);
    disclosure.set_redisclosure(mou.obligations().redisclosure());
    *disclosure.mutable_redisclose_to() = mou.obligations().redisclose_to();
  }
}

}  // namespace

absl::StatusOr<v1::ListSubjectDisclosuresResponse> SubjectDisclosures::List(
    const Caller& caller, RequestId& request_id, const v1::ListSubjectDisclosuresRequest& request) {
  const AskedSubject asked{request.id_space(), request.id(), request.source_system()};
  // Who was asked for, for the owner to open.
  const absl::StatusOr<OwnerAdmitted> owner =
      parts_.admission->AdmitOwner(caller, request_id, "ListSubjectDisclosures", request.parent(),
                                   std::nullopt, ReportQuestion(asked));
  if (!owner.ok()) return owner.status();
  const absl::StatusOr<std::vector<policy::SubjectName>> names = NamesOf(*parts_.catalog, asked);
  if (!names.ok()) return names.status();
  const absl::string_view token = request.page_token();
  const size_t dash = token.find('-');
  const absl::StatusOr<Page> page = PageOf(request.page_size(), token.substr(0, dash));
  if (!page.ok()) return page.status();

  const uint64_t size = parts_.log->size();
  if (page->begin > size || (!token.empty() && (dash == 0 || dash == token.npos))) {
    return Invalid("page_token", "is none that a list gave");
  }
  // That somebody asks for a person's report is in the log before it is made.
  ReadEntry read;
  read.request = request_id;
  read.caller = {caller.principal(), caller.spki()};
  read.operation = "ListSubjectDisclosures";
  read.begin = std::min(page->begin, size);
  read.end = size;
  if (!parts_.log->Append(std::move(read)).ok()) return AuditUnavailable();

  const absl::StatusOr<std::vector<uint32_t>> ordinals = OrdinalsOf(*owner, *names);
  if (!ordinals.ok()) return ordinals.status();
  if (!token.empty() && token != TokenOf(page->begin, *ordinals)) return SubjectChanged();
  const absl::StatusOr<Found> found = Find(*owner, *ordinals, page->begin, size, page->size);
  if (!found.ok()) return found.status();

  v1::ListSubjectDisclosuresResponse response;
  uint64_t next = found->next;
  size_t bytes = 0;
  for (const uint64_t index : found->entries) {
    absl::StatusOr<v1::SubjectDisclosure> disclosure = Tell(index);
    if (!disclosure.ok()) return disclosure.status();
    bytes += disclosure->ByteSizeLong();
    *response.add_disclosures() = *std::move(disclosure);
    if (bytes < kPageBytes) continue;
    next = index + 1;
    break;
  }
  response.set_log_size(static_cast<int64_t>(size));
  response.mutable_ordinals()->Add(ordinals->begin(), ordinals->end());
  response.set_unreadable_count(
      std::distance(found->unreadable.begin(), found->unreadable.lower_bound(next)));
  if (next < size) response.set_next_page_token(TokenOf(next, *ordinals));
  return response;
}

absl::StatusOr<std::vector<uint32_t>> SubjectDisclosures::OrdinalsOf(
    const OwnerAdmitted& owner, const std::vector<policy::SubjectName>& names) {
  std::set<uint32_t> all;
  for (const policy::SubjectName& name : names) {
    const absl::StatusOr<std::vector<uint32_t>> ordinals =
        parts_.store->OrdinalsOf(owner.permit, owner.receipt, name);
    if (absl::IsNotFound(ordinals.status())) continue;
    if (!ordinals.ok()) return ordinals.status();
    all.insert(ordinals->begin(), ordinals->end());
  }
  if (all.empty()) return NotFound("subject");
  return std::vector<uint32_t>(all.begin(), all.end());
}

absl::StatusOr<SubjectDisclosures::Found> SubjectDisclosures::Find(
    const OwnerAdmitted& owner, const std::vector<uint32_t>& ordinals, uint64_t begin, uint64_t end,
    uint64_t most) {
  std::map<uint32_t, std::vector<uint32_t>> by_container;
  for (const uint32_t ordinal : ordinals)
    by_container[policy::ContainerOf(ordinal)].push_back(ordinal);
  const auto containers = static_cast<int64_t>(by_container.size());
  Found found{.next = end};
  for (const auto& [container, sought] : by_container) {
    size_t bytes = 0;
    int64_t looked_at = 0;
    uint64_t matches = 0;
    absl::Status unsound;
    // Stops behind an entry, so that the next page begins with the one after it.
    const auto visit = [&, &sought = sought](uint64_t index,
                                             std::optional<absl::string_view> bytes_of) {
      if (bytes_of) {
        const absl::StatusOr<policy::SubjectBitmap> bitmap = policy::SubjectBitmap::Read(*bytes_of);
        if (unsound = bitmap.status(); !unsound.ok()) return false;
        const bool is_in = std::any_of(sought.begin(), sought.end(),
                                       [&](uint32_t ordinal) { return bitmap->Contains(ordinal); });
        if (is_in) {
          found.entries.insert(index);
          ++matches;
        }
        bytes += bytes_of->size();
      } else {
        found.unreadable.insert(index);
      }
      if (++looked_at < kLookedAt / containers &&
          bytes < kLookedAtBytes / static_cast<size_t>(containers) && matches < most) {
        return true;
      }
      found.next = index + 1;
      return false;
    };
    // What lies behind the end of this page is looked at with the next.
    const absl::Status status = parts_.store->ReadSubjects(owner.permit, owner.receipt, container,
                                                           begin, found.next, visit);
    if (!status.ok()) return status;
    if (!unsound.ok()) return unsound;
  }
  found.entries.erase(found.entries.lower_bound(found.next), found.entries.end());
  if (found.entries.size() > most) {
    const auto beyond = std::next(found.entries.begin(), static_cast<ptrdiff_t>(most));
    found.next = *std::prev(beyond) + 1;
    found.entries.erase(beyond, found.entries.end());
  }
  return found;
}

absl::StatusOr<v1::SubjectDisclosure> SubjectDisclosures::Tell(uint64_t index) {
  std::string body;
  const absl::Status read = parts_.store->ReadLogRows(index, index + 1, [&](const LogRow& row) {
    body = row.body;
    return false;
  });
  if (!read.ok()) return read;
  if (const absl::Status s = parts_.log->Confirm(index, body); !s.ok()) return s;
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  if (!entry.ok() || entry->type != "disclosure") {
    return absl::DataLossError("the index of disclosures leads to another entry");
  }
  v1::SubjectDisclosure disclosure = DisclosureOf(index, *entry);
  AddTerms(*parts_.mous->Current(), disclosure);
  return disclosure;
}

}  // namespace sluice::server
