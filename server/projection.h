// What a permit lets out of one owner's records, row by row, in the recipient's own names: the
// projector with the recipient's pseudonyms, the row ids, and what a header says of it all. A
// release and an owner's preview of one are both made by this.
//
// One a request; not thread-safe. The permit must outlive it.
#ifndef SLUICE_SERVER_PROJECTION_H_
#define SLUICE_SERVER_PROJECTION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/decide.h"
#include "policy/projector.h"
#include "policy/pseudonym.h"
#include "server/keys.h"
#include "server/store/store.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

class Projection {
 public:
  static constexpr size_t kRowIdLength = 26;

  struct Parts {
    const Store* store;
    Keys* keys;
  };
  // INVALID_ARGUMENT on a mask that names a field which no grant of the owner's lists.
  static absl::StatusOr<std::unique_ptr<Projection>> Create(
      const Parts& parts, const policy::Permit& permit, absl::string_view owner,
      const std::vector<std::string>& read_mask);
  // What names the rows of a permit's record type to its recipient.
  static absl::StatusOr<policy::Pseudonymizer> RowIds(Keys& keys, const policy::Permit& permit);

  // Looks who has opted out: of what is read from now on nothing leaves about them. The owner's
  // retractions as of now.
  absl::StatusOr<int64_t> LookWhoOptedOut();
  bool HasOptedOut(const StoredRecord& record) const { return opted_out_->IsAny(record.ordinals); }

  // Turns to these records, which must stay for as long as it is at them: their ids and their
  // subjects' are permuted all at once.
  void Begin(absl::Span<const StoredRecord> page);
  // Appends what leaves of the page's i-th record to `*out`, which is unchanged unless it is
  // released.
  policy::Projector::Outcome Project(size_t i, std::string* out);
  // 26 characters, of the page's i-th record.
  void WriteRowId(size_t i, char* out) const { row_ids_of_page_[i].Write(out); }

  const std::vector<policy::PlanField>& fields() const { return projector_->fields(); }
  v1::ReleaseHeader Header(absl::string_view decision_id, const LastPublish& as_of) const;

 private:
  Projection(const Store* store, const policy::Permit& permit, absl::string_view owner,
             std::unique_ptr<policy::Projector> projector, policy::Pseudonymizer row_ids)
      : store_(*store),
        permit_(permit),
        owner_(owner),
        projector_(std::move(projector)),
        row_ids_(std::move(row_ids)) {}

  const Store& store_;
  const policy::Permit& permit_;
  const std::string owner_;
  const std::unique_ptr<policy::Projector> projector_;
  const policy::Pseudonymizer row_ids_;
  std::shared_ptr<const OptedOut> opted_out_;  // never null

  // The page, its records' ids and their subjects' pseudonyms; memory that is used again.
  absl::Span<const StoredRecord> page_;
  std::vector<policy::Pseudonym> row_ids_of_page_;
  std::vector<policy::Pseudonym> subjects_of_page_;
  std::vector<size_t> first_subject_;  // of each record
  std::vector<policy::RecordId> record_ids_;
  std::vector<policy::SubjectId> subject_ids_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PROJECTION_H_
