#include "server/projection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/error.h"

namespace sluice::server {
namespace {

// One epoch lasts the MOU's life unless a release rule needs more.
constexpr uint64_t kEpoch = 1;

// Whether all that can leave is public at its source.
bool IsPublic(const std::vector<policy::PlanField>& fields) {
  return std::all_of(fields.begin(), fields.end(), [](const policy::PlanField& field) {
    const std::vector<v1::Regime>& regimes = field.field->regimes;
    return regimes.size() == 1 && regimes[0] == v1::REGIME_PUBLIC;
  });
}

// Under the key of the permit's MOU and recipient.
absl::StatusOr<policy::Pseudonymizer> MakePseudonymizer(Keys& keys, const policy::Permit& permit,
                                                        policy::KeyUse use,
                                                        absl::string_view space) {
  const std::string& mou = permit.mou().name();
  const absl::StatusOr<policy::Secret> root = keys.PseudonymRoot(mou);
  if (!root.ok()) return root.status();
  const absl::StatusOr<policy::Secret> key =
      policy::DeriveKey(*root, mou, permit.plan().recipient, kEpoch, use, space);
  if (!key.ok()) return key.status();
  return policy::Pseudonymizer::Create(*key);
}

}  // namespace

absl::StatusOr<policy::Pseudonymizer> Projection::RowIds(Keys& keys, const policy::Permit& permit) {
  return MakePseudonymizer(keys, permit, policy::KeyUse::kRow, permit.plan().type->name());
}

absl::StatusOr<std::unique_ptr<Projection>> Projection::Create(
    const Parts& parts, const policy::Permit& permit, absl::string_view owner,
    const std::vector<std::string>& read_mask) {
  absl::StatusOr<policy::Pseudonymizer> people =
      MakePseudonymizer(*parts.keys, permit, policy::KeyUse::kPseudonym, "person");
  absl::StatusOr<policy::Pseudonymizer> rows = RowIds(*parts.keys, permit);
  if (!people.ok()) return people.status();
  if (!rows.ok()) return rows.status();
  absl::StatusOr<std::unique_ptr<policy::Projector>> projector =
      policy::Projector::Create(permit.shared_plan(), owner, read_mask, *std::move(people));
  if (!projector.ok()) {
    return absl::IsInvalidArgument(projector.status())
               ? Invalid("read_mask", projector.status().message())
               : projector.status();
  }
  std::unique_ptr<Projection> projection(
      new Projection(parts.store, permit, owner, *std::move(projector), *std::move(rows)));
  if (absl::Status looked = projection->LookWhoOptedOut().status(); !looked.ok()) return looked;
  return projection;
}

absl::StatusOr<int64_t> Projection::LookWhoOptedOut() {
  absl::StatusOr<std::shared_ptr<const OptedOut>> opted_out =
      store_.WhoOptedOut(owner_, permit_.purpose());
  if (!opted_out.ok()) return opted_out.status();
  opted_out_ = *std::move(opted_out);
  return opted_out_->retractions;
}

void Projection::Begin(absl::Span<const StoredRecord> page) {
  page_ = page;
  record_ids_.clear();
  subject_ids_.clear();
  first_subject_.clear();
  for (const StoredRecord& record : page) {
    record_ids_.push_back(record.place.record_id);
    first_subject_.push_back(subject_ids_.size());
    subject_ids_.insert(subject_ids_.end(), record.subjects.begin(), record.subjects.end());
  }
  row_ids_.Permute(record_ids_, row_ids_of_page_);
  projector_->Permute(subject_ids_, subjects_of_page_);
}

policy::Projector::Outcome Projection::Project(size_t i, std::string* out) {
  const StoredRecord& record = page_[i];
  if (HasOptedOut(record)) return policy::Projector::Outcome::kOutOfScope;
  const auto subjects =
      absl::MakeConstSpan(subjects_of_page_).subspan(first_subject_[i], record.subjects.size());
  return projector_->Project(record.bytes, subjects, out);
}

v1::ReleaseHeader Projection::Header(absl::string_view decision_id,
                                     const LastPublish& as_of) const {
  const v1::Obligations& obligations = permit_.mou().mou().obligations();
  v1::ReleaseHeader header;
  header.set_decision_id(std::string(decision_id));
  header.set_mou(permit_.mou().name());
  header.set_version(permit_.mou().version());
  header.set_document_digest(permit_.mou().document_digest());
  header.set_purpose(permit_.purpose());
  header.set_record_type(permit_.plan().type->name());
  header.set_catalog_digest(permit_.plan().type->digest());
  header.set_owner(absl::StrCat("organizations/", owner_));
  for (const policy::PlanField& field : projector_->fields()) {
    auto* released = header.add_fields();
    released->set_path(field.field->path);
    *released->mutable_rule() = field.rule.ToProto();
  }
  header.set_redisclosure(obligations.redisclosure());
  *header.mutable_redisclose_to() = obligations.redisclose_to();
  if (!IsPublic(projector_->fields())) {
    header.set_redisclosure_notice(
        "Education and personnel records received under this agreement may be used for the stated "
        "purpose only and may not be passed on except as the agreement lists (34 CFR 99.33).");
  }
  header.set_destroy_within_days(obligations.destroy_within_days());
  header.set_as_of_position(as_of.position);
  if (as_of.position > 0) {
    header.mutable_as_of_time()->set_seconds(absl::ToUnixSeconds(as_of.time));
  }
  return header;
}

}  // namespace sluice::server
