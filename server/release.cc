#include "server/release.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/answer.h"
#include "server/error.h"
#include "server/row_order.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kOrganizations = "organizations/";

// The owners whose grants the permit rests on, in order, each once.
std::vector<absl::string_view> OwnersOf(const policy::Plan& plan) {
  std::vector<absl::string_view> owners;
  for (const policy::PlanGrant& grant : plan.grants) owners.push_back(grant.owner);
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
}

absl::StatusOr<std::string> OwnerOf(const policy::Plan& plan, absl::string_view parent) {
  const std::vector<absl::string_view> owners = OwnersOf(plan);
  if (parent.empty()) {
    if (owners.size() == 1) return std::string(owners[0]);
    return Invalid("parent", absl::StrCat("several owners grant this; name one: ", kOrganizations,
                                          absl::StrJoin(owners, ", organizations/")));
  }
  const absl::string_view owner = absl::StripPrefix(parent, kOrganizations);
  if (!absl::StartsWith(parent, kOrganizations) ||
      std::find(owners.begin(), owners.end(), owner) == owners.end()) {
    return Invalid("parent",
                   absl::StrCat("none of the grants is of this owner; there are: ", kOrganizations,
                                absl::StrJoin(owners, ", organizations/")));
  }
  return std::string(owner);
}

// Whether a grant lists the field; of one owner, if one is named.
bool Lists(const policy::Plan& plan, absl::string_view path, absl::string_view owner = "") {
  for (const policy::PlanGrant& grant : plan.grants) {
    if (!owner.empty() && grant.owner != owner) continue;
    for (const policy::PlanField& field : grant.fields) {
      if (field.field->path == path) return true;
    }
  }
  return false;
}

// Parts of any bytes as one text that no other parts give.
std::string Bind(std::initializer_list<absl::string_view> parts) {
  std::string bound;
  for (absl::string_view part : parts) absl::StrAppend(&bound, part.size(), ":", part);
  return bound;
}

absl::string_view IdOf(const ReleasedRow& row) {
  return absl::string_view(row.row_id, sizeof row.row_id);
}

bool IsFull(const ReleasedRows& rows) {
  return rows.rows.size() >= Release::kChunkRows || rows.bytes.size() >= Release::kChunkBytes ||
         rows.subjects.size() >= Release::kChunkSubjects;
}

}  // namespace

absl::Status Release::Prepare(const Caller& caller, absl::string_view owner,
                              absl::string_view filter, const std::vector<std::string>& read_mask) {
  const policy::Permit& permit = admitted_.permit;
  const policy::Plan& plan = permit.plan();
  owner_ = std::string(owner);
  absl::StatusOr<std::unique_ptr<Projection>> projection =
      Projection::Create({parts_.store, parts_.keys}, permit, owner, read_mask);
  if (!projection.ok()) return projection.status();
  projection_ = *std::move(projection);
  if (!filter.empty()) {
    absl::StatusOr<std::unique_ptr<const policy::Filter>> parsed =
        policy::Filter::Parse(filter, *plan.type, projection_->fields());
    if (!parsed.ok()) {
      return absl::IsInvalidArgument(parsed.status()) ? Invalid("filter", parsed.status().message())
                                                      : parsed.status();
    }
    filter_ = *std::move(parsed);
  }
  const auto name = [](std::string* out, const auto& clause) { absl::StrAppend(out, clause.name); };
  binding_ =
      Bind({caller.spiffe_id(), permit.mou().document_digest(), permit.purpose(), plan.type->name(),
            owner, filter, absl::StrJoin(read_mask, ","), absl::StrJoin(plan.grants, ",", name),
            absl::StrJoin(plan.prohibitions, ",", name)});
  const absl::StatusOr<LastPublish> last = parts_.store->LastPublishOf(owner, plan.type->name());
  if (!last.ok()) return last.status();
  as_of_ = *last;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Release>> Release::Create(const Parts& parts, const Caller& caller,
                                                         const Admitted& admitted,
                                                         const v1::ReadRecordsRequest& request) {
  std::unique_ptr<Release> release(new Release(parts, admitted));
  const absl::StatusOr<std::string> owner = OwnerOf(admitted.permit.plan(), request.parent());
  if (!owner.ok()) return owner.status();
  const std::vector<std::string> mask(request.read_mask().begin(), request.read_mask().end());
  if (const absl::Status s = release->Prepare(caller, *owner, request.filter(), mask); !s.ok()) {
    return s;
  }
  if (!request.page_token().empty()) {
    absl::StatusOr<ResumePoint> point =
        parts.page_tokens->Open(request.page_token(), release->binding_);
    if (!point.ok()) return point.status();
    release->next_ = point->from;
    release->resume_ = *std::move(point);
  }
  return release;
}

absl::StatusOr<std::unique_ptr<Release>> Release::CreateOne(const Parts& parts,
                                                            const Caller& caller,
                                                            const Admitted& admitted,
                                                            const v1::GetRecordRequest& request) {
  std::unique_ptr<Release> release(new Release(parts, admitted));
  const policy::Plan& plan = admitted.permit.plan();
  absl::StatusOr<policy::Pseudonymizer> row_ids = Projection::RowIds(*parts.keys, admitted.permit);
  if (!row_ids.ok()) return row_ids.status();
  const std::optional<policy::RecordId> id = row_ids->RecordIdOf(request.row_id());
  if (!id) return Invalid("row_id", "a row_id is 26 characters of lower-case base32");
  for (const std::string& path : request.read_mask()) {
    if (!Lists(plan, path)) return Invalid("read_mask", "names a field that no grant lists");
  }

  // The store lends a record for the length of its call, within which it must not be asked again.
  struct {
    std::string owner, bytes;
    ScanPlace place;
    std::vector<policy::SubjectId> subjects;
    std::vector<uint32_t> ordinals;
  } found;
  const auto read_it = [&] {
    return parts.store->ReadOne(admitted.permit, admitted.receipt, *id,
                                [&](absl::string_view owner, const StoredRecord& record) {
                                  found = {std::string(owner),
                                           std::string(record.bytes),
                                           record.place,
                                           {record.subjects.begin(), record.subjects.end()},
                                           {record.ordinals.begin(), record.ordinals.end()}};
                                });
  };
  absl::Status read = read_it();
  release->ended_ = true;  // but for the row
  const std::vector<absl::string_view> owners = OwnersOf(plan);
  const std::string only_owner = owners.size() == 1 ? std::string(owners[0]) : "";
  release->owner_ = only_owner;
  if (absl::IsNotFound(read)) return release;
  if (!read.ok()) return read;

  // Of another owner's grants the mask may name fields that this one's do not list.
  std::vector<std::string> mask;
  for (const std::string& path : request.read_mask()) {
    if (Lists(plan, path, found.owner)) mask.push_back(path);
  }
  if (mask.empty() && request.read_mask_size() > 0) return release;
  if (const absl::Status s = release->Prepare(caller, found.owner, "", mask); !s.ok()) return s;
  auto only = std::make_unique<ReleasedRows>();
  // Now that its owner is known: who has opted out is looked at before the record is.
  const absl::StatusOr<int64_t> retractions = release->projection_->LookWhoOptedOut();
  if (!retractions.ok()) return retractions.status();
  only->retractions = *retractions;
  if (read = read_it(); absl::IsNotFound(read)) return release;
  if (!read.ok()) return read;
  const StoredRecord record{found.place, found.bytes, found.subjects, found.ordinals};
  release->projection_->Begin(absl::MakeConstSpan(&record, 1));
  release->Take(record, 0, *only);
  if (only->rows.empty()) {
    release->owner_ = only_owner;
    return release;
  }
  Order(*only);
  release->only_ = std::move(only);
  return release;
}

void Release::Take(const StoredRecord& record, size_t i, ReleasedRows& rows) {
  ++considered_;
  const size_t begin = rows.bytes.size();
  switch (projection_->Project(i, &rows.bytes)) {
    case policy::Projector::Outcome::kOutOfScope:
      return;
    case policy::Projector::Outcome::kWithheld:
      ++withheld_;
      return;
    case policy::Projector::Outcome::kReleased:
      break;
  }
  const absl::string_view projected = absl::string_view(rows.bytes).substr(begin);
  ReleasedRow row;
  projection_->WriteRowId(i, row.row_id);
  if ((filter_ != nullptr && !filter_->Matches(projected)) ||
      (resume_ && IdOf(row) <= resume_->after_row_id)) {
    rows.bytes.resize(begin);
    return;
  }
  row.begin = static_cast<uint32_t>(begin);
  row.size = static_cast<uint32_t>(projected.size());
  rows.rows.push_back(row);
  rows.subjects.insert(rows.subjects.end(), record.ordinals.begin(), record.ordinals.end());
}

void Release::Order(ReleasedRows& rows) {
  OrderById(rows.rows);
  OrderOnce(rows.subjects);
}

absl::StatusOr<std::optional<Releasable>> Release::Next(absl::FunctionRef<absl::Status()> go_on) {
  if (only_ != nullptr) return Releasable(std::move(only_));
  auto rows = std::make_unique<ReleasedRows>();
  if (!ended_) {
    const absl::StatusOr<int64_t> retractions = projection_->LookWhoOptedOut();
    if (!retractions.ok()) return retractions.status();
    rows->retractions = *retractions;
  }
  rows->from = next_.value_or(ScanPlace{});
  if (!next_ && !ended_ && scan_ == nullptr) {
    absl::StatusOr<std::unique_ptr<CollectionScan>> scan =
        parts_.store->StartScan(owner_, admitted_.permit.plan().type->name());
    if (!scan.ok()) return absl::IsDataLoss(scan.status()) ? NotAsSealed() : scan.status();
    scan_ = *std::move(scan);
  }
  while (!ended_) {
    if (const absl::Status s = go_on(); !s.ok()) return s;
    // The rest of a chunk that was interrupted is a chunk of its own.
    const std::optional<ScanPlace> until = resume_ ? resume_->until : std::nullopt;
    size_t visited = 0;
    bool full = false;
    const absl::Status read =
        parts_.store->ReadPages(admitted_.permit, admitted_.receipt, owner_, next_, until,
                                [&](absl::Span<const StoredRecord> page) {
                                  projection_->Begin(page);
                                  for (size_t i = 0; i < page.size() && !full; ++i, ++visited) {
                                    next_ = PlaceAfter(page[i].place);
                                    if (scan_ != nullptr) scan_->Add(page[i]);
                                    Take(page[i], i, *rows);
                                    full = IsFull(*rows);
                                  }
                                  return !full && visited < kVisitRows;
                                });
    if (!read.ok()) return read;
    const bool stopped_early = full || visited >= kVisitRows;
    if (!stopped_early) {
      // All of the range was seen: the end, or the end of the interrupted chunk.
      if (until) {
        next_ = until;
      } else {
        ended_ = true;
        const absl::Status whole = scan_ == nullptr ? absl::OkStatus() : scan_->Finish();
        if (!whole.ok()) return absl::IsDataLoss(whole) ? NotAsSealed() : whole;
      }
      if (resume_) {
        rows->until = next_.value_or(ScanPlace{});
        resume_.reset();
        if (!rows->rows.empty()) break;
        rows->from = next_.value_or(ScanPlace{});
        continue;
      }
    }
    if (full) break;
  }
  if (rows->rows.empty()) return std::optional<Releasable>();
  rows->until = next_.value_or(ScanPlace{});
  rows->last = ended_;
  Order(*rows);
  return std::optional<Releasable>(Releasable(std::move(rows)));
}

DisclosureEntry Release::Disclosure(const Releasable& chunk) {
  DisclosureEntry entry;
  entry.request = admitted_.entry.request;
  entry.caller = admitted_.entry.caller;
  entry.terms = admitted_.entry.terms;
  entry.terms.owner = owner_;
  entry.decision_index = admitted_.receipt.index();
  for (const policy::PlanGrant& grant : admitted_.permit.plan().grants) {
    if (grant.owner == owner_) entry.grants.push_back(grant.name);
  }
  entry.fields = projection_->fields();
  entry.chunk = chunks_++;
  entry.rows = static_cast<int64_t>(chunk.rows().rows.size());
  entry.subjects = chunk.rows().subjects;
  return entry;
}

absl::StatusOr<std::string> Release::PageToken(const ReleasedRows& chunk,
                                               absl::string_view row_id) const {
  ResumePoint point;
  point.from = chunk.from;
  if (!chunk.last) point.until = chunk.until;
  point.after_row_id = std::string(row_id);
  return parts_.page_tokens->Seal(point, binding_);
}

v1::ReleaseHeader Release::Header() const {
  return projection_->Header(admitted_.entry.request, as_of_);
}

}  // namespace sluice::server
