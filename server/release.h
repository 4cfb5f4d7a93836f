// A release under way: what a permit lets out of one owner's records of one type, a chunk at a
// time. Reads from the store, projects, applies the reader's filter, orders by row id; what comes
// out is Releasable, and this is the only place where one is made.
//
// One a request; not thread-safe. The permit and the receipt must outlive it.
#ifndef SLUICE_SERVER_RELEASE_H_
#define SLUICE_SERVER_RELEASE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/filter.h"
#include "server/admission.h"
#include "server/audit/releasable.h"
#include "server/keys.h"
#include "server/page_token.h"
#include "server/projection.h"
#include "server/store/store.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

class Release {
 public:
  // A chunk ends with the row that reaches one of these; with Answer's batches that is 64 of them
  // at the most.
  static constexpr size_t kChunkRows = 31 * 1024;
  static constexpr size_t kChunkBytes = 3 << 20;
  static constexpr size_t kChunkSubjects = 1 << 18;  // as the rows name them, one often twice
  // So many records are looked at between two looks at whether the caller is still there.
  static constexpr size_t kVisitRows = 64 << 10;

  struct Parts {
    const Store* store;
    Keys* keys;
    const PageTokens* page_tokens;
  };

  // A stream of all rows. INVALID_ARGUMENT on a filter, mask, owner or token that does not fit.
  static absl::StatusOr<std::unique_ptr<Release>> Create(const Parts& parts, const Caller& caller,
                                                         const Admitted& admitted,
                                                         const v1::ReadRecordsRequest& request);
  // One row: a release without a chunk if it is not there or does not leave.
  static absl::StatusOr<std::unique_ptr<Release>> CreateOne(const Parts& parts,
                                                            const Caller& caller,
                                                            const Admitted& admitted,
                                                            const v1::GetRecordRequest& request);

  v1::ReleaseHeader Header() const;
  // The next chunk that has rows; nullopt at the end. `go_on` is asked now and then.
  absl::StatusOr<std::optional<Releasable>> Next(absl::FunctionRef<absl::Status()> go_on);
  // What the log is told of a chunk.
  DisclosureEntry Disclosure(const Releasable& chunk);
  // Resumes after a row of a chunk.
  absl::StatusOr<std::string> PageToken(const ReleasedRows& chunk, absl::string_view row_id) const;

  // Of one row that does not leave: the only one whose it could be, else empty. Whether the row is
  // there must not be read from it, for the recipient's auditors see it in the log.
  const std::string& owner() const { return owner_; }
  int64_t considered() const { return considered_; }
  int64_t withheld() const { return withheld_; }

 private:
  Release(const Parts& parts, const Admitted& admitted) : parts_(parts), admitted_(admitted) {}

  // Projection and filter for one owner.
  absl::Status Prepare(const Caller& caller, absl::string_view owner, absl::string_view filter,
                       const std::vector<std::string>& read_mask);
  // Projects a page's i-th record, to which the projection has turned, into `rows`.
  void Take(const StoredRecord& record, size_t i, ReleasedRows& rows);
  static void Order(ReleasedRows& rows);

  const Parts parts_;
  const Admitted& admitted_;
  std::string owner_;
  std::string binding_;  // of page tokens
  LastPublish as_of_;
  std::unique_ptr<Projection> projection_;
  std::unique_ptr<const policy::Filter> filter_;

  std::unique_ptr<ReleasedRows> only_;    // of CreateOne, until it is taken
  std::unique_ptr<CollectionScan> scan_;  // of a stream from the first record on
  std::optional<ResumePoint> resume_;
  std::optional<ScanPlace> next_;  // where the next chunk begins; absent: at the beginning
  bool ended_ = false;
  uint64_t chunks_ = 0;
  int64_t considered_ = 0;
  int64_t withheld_ = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_RELEASE_H_
