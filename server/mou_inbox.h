// The directory in which MOU documents and their signatures are laid down: `x.yaml` beside
// `x.yaml.{organization}.p7s`. Each file is read once, whole and bounded, so that the bytes that
// are verified are those that are kept; links and whatever is no regular file are refused.
//
// One look at a time; not thread-safe.
#ifndef SLUICE_SERVER_MOU_INBOX_H_
#define SLUICE_SERVER_MOU_INBOX_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

class MouInbox {
 public:
  // FAILED_PRECONDITION if the directory cannot be read.
  static absl::StatusOr<MouInbox> Open(const std::string& directory);
  MouInbox(MouInbox&& other) noexcept;
  ~MouInbox();

  // The documents' file names, sorted; hidden files are none.
  const std::vector<std::string>& documents() const { return documents_; }
  // FAILED_PRECONDITION if it is too large or no regular file; NOT_FOUND.
  absl::StatusOr<std::string> ReadDocument(const std::string& file) const;
  // NOT_FOUND if that organization has not signed.
  absl::StatusOr<std::string> ReadSignature(const std::string& file,
                                            absl::string_view organization) const;

 private:
  explicit MouInbox(int directory) : directory_(directory) {}
  absl::StatusOr<std::string> Read(const std::string& name, size_t max_size) const;

  int directory_;  // a descriptor, owned
  std::vector<std::string> documents_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_INBOX_H_
