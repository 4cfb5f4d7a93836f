#include "client/command/export_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/command/table.h"
#include "client/file.h"

namespace sluice::client {

absl::Status ExportFile::Failed(absl::string_view what) const {
  return absl::FailedPreconditionError(
      absl::StrCat("can't ", what, " ", path_, ": ", std::strerror(errno)));
}

absl::StatusOr<std::unique_ptr<ExportFile>> ExportFile::Open(const std::string& path, Begin begin) {
  const int fd = open(path.c_str(),
                      O_RDWR | O_CREAT | O_CLOEXEC | (begin == Begin::kAnew ? O_TRUNC : 0), 0600);
  std::unique_ptr<ExportFile> file(new ExportFile(path, fd));
  if (fd < 0) return file->Failed("open");
  if (const absl::Status s = file->EndAtLastLine(); !s.ok()) return s;
  return file;
}

ExportFile::~ExportFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status ExportFile::EndAtLastLine() {
  struct stat found {};
  if (fstat(fd_, &found) != 0) return Failed("look at");
  // Into a pipe or a device nothing was torn.
  if (!S_ISREG(found.st_mode)) return absl::OkStatus();
  off_t end = found.st_size;
  char block[4096];
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(sizeof(block)));
    const ssize_t n = pread(fd_, block, static_cast<size_t>(end - begin), begin);
    if (n != end - begin) return Failed("read");
    const absl::string_view bytes(block, static_cast<size_t>(n));
    const size_t at = bytes.rfind('\n');
    if (at != absl::string_view::npos) {
      end = begin + static_cast<off_t>(at) + 1;
      break;
    }
    end = begin;
  }
  if (end != found.st_size && ftruncate(fd_, end) != 0) return Failed("cut");
  return lseek(fd_, end, SEEK_SET) == end ? absl::OkStatus() : Failed("read");
}

absl::Status ExportFile::Write(absl::string_view lines) {
  while (!lines.empty()) {
    const ssize_t n = write(fd_, lines.data(), lines.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("write");
    lines.remove_prefix(static_cast<size_t>(n));
  }
  // A pipe has nothing to sync.
  if (fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) return Failed("write");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ExportCursor>> ExportCursor::Load(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const absl::Status none =
      absl::FailedPreconditionError(absl::StrCat(path, " is no file that an export goes on from"));
  if (!json.is_object() || json.size() != 2 || !json.contains("origin") ||
      !json["origin"].is_string() || !json.contains("next_index") ||
      !json["next_index"].is_number_integer()) {
    return none;
  }
  ExportCursor cursor;
  cursor.origin = json["origin"].get<std::string>();
  cursor.next_index = json["next_index"].get<int64_t>();
  if (cursor.next_index < 0) return none;
  return cursor;
}

absl::Status ExportCursor::Save(const std::string& path) const {
  return ReplaceFile(path, JsonText({{"origin", origin}, {"next_index", next_index}}, -1));
}

}  // namespace sluice::client
