#include "server/store/record_page.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "server/store/record_subjects.h"

namespace sluice::server {

absl::Status RecordPage::Add(OpeningKeys& keys, const OfRecord& of, int64_t ordinal,
                             absl::string_view sealed) {
  const size_t size = SealedContentSize(sealed.size());
  if (bytes_.size() < used_ + size) bytes_.resize(std::max(used_ + size, 2 * bytes_.size()));
  if (absl::Status status = keys.OpenTo(of, sealed, bytes_.data() + used_); !status.ok()) {
    return status;
  }
  const absl::StatusOr<size_t> count = CountRecordSubjects(of.subjects);
  if (!count.ok()) return count.status();
  const size_t first = ids_.size();
  for (size_t i = 0; i < *count; ++i) {
    const DictionaryEntry subject = RecordSubjectAt(of.subjects, i);
    ids_.push_back(subject.id);
    ordinals_.push_back(subject.ordinal);
  }
  // The place in a scan is no part of what was sealed: it follows from the subjects.
  if (ordinal != (*count == 0 ? 0 : int64_t{ordinals_[first]})) {
    return absl::DataLossError("a record stands at another place than its own");
  }
  begins_.push_back({used_, first});
  used_ += size;
  const absl::string_view tag = sealed.substr(sealed.size() - kSealTagBytes);
  std::copy(tag.begin(), tag.end(), tags_.emplace_back().begin());
  records_.push_back({.place = {static_cast<uint32_t>(ordinal), {of.record_id}}});
  return absl::OkStatus();
}

absl::Span<const StoredRecord> RecordPage::records() {
  for (size_t i = 0; i < records_.size(); ++i) {
    const Begin begin = begins_[i];
    const Begin end = i + 1 < begins_.size() ? begins_[i + 1] : Begin{used_, ids_.size()};
    StoredRecord& record = records_[i];
    record.bytes = absl::string_view(bytes_).substr(begin.bytes, end.bytes - begin.bytes);
    record.subjects =
        absl::MakeConstSpan(ids_).subspan(begin.subjects, end.subjects - begin.subjects);
    record.ordinals =
        absl::MakeConstSpan(ordinals_).subspan(begin.subjects, end.subjects - begin.subjects);
    record.tag = absl::string_view(tags_[i].data(), tags_[i].size());
  }
  return records_;
}

void RecordPage::Clear() {
  used_ = 0;
  ids_.clear();
  ordinals_.clear();
  begins_.clear();
  tags_.clear();
  records_.clear();
}

}  // namespace sluice::server
