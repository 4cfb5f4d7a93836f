#include "client/import/decoded_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
// What the first bytes must show before an encoding without a mark is believed.
constexpr size_t kEvidenceBytes = 4 << 10;

constexpr absl::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr absl::string_view kUtf16LeMark = "\xFF\xFE";
constexpr absl::string_view kUtf16BeMark = "\xFE\xFF";

unsigned char Byte(absl::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

// What the first bytes say a file is, where that is no text.
absl::string_view ForeignKind(absl::string_view begin) {
  if (absl::StartsWith(begin, absl::string_view("PK\x03\x04", 4)) ||
      absl::StartsWith(begin, absl::string_view("PK\x05\x06", 4))) {
    return "is a zip archive (or an Excel workbook, which is one), not text: unpack it, or save "
           "the "
           "sheet as CSV";
  }
  if (absl::StartsWith(begin, "\x1F\x8B")) return "is a gzip archive, not text: unpack it";
  if (absl::StartsWith(begin, absl::string_view("\xFF\xFE\0\0", 4)) ||
      absl::StartsWith(begin, absl::string_view("\0\0\xFE\xFF", 4))) {
    return "is UTF-32: save it as UTF-8";
  }
  if (absl::StartsWith(begin, "\xD0\xCF\x11\xE0")) {
    return "is an old Excel workbook, not text: save the sheet as CSV";
  }
  return "";
}

// How many bytes the UTF-8 sequence at `i` has; 0: none; -1: it is cut off by the end.
int SequenceLength(absl::string_view text, size_t i) {
  const unsigned char lead = Byte(text, i);
  int length;
  unsigned char least = 0x80, most = 0xBF;  // of the second byte: no overlong forms, no surrogates
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if ((lead & 0xF0) == 0xE0) {
    length = 3;
    if (lead == 0xE0) least = 0xA0;
    if (lead == 0xED) most = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) least = 0x90;
    if (lead == 0xF4) most = 0x8F;
  } else {
    return 0;
  }
  for (int k = 1; k < length; ++k) {
    if (i + k >= text.size()) return -1;
    const unsigned char c = Byte(text, i + k);
    if (c < least || c > most) return 0;
    least = 0x80;
    most = 0xBF;
  }
  return length;
}

void AppendUtf8(uint32_t code, std::string& text) {
  if (code < 0x80) {
    text.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text.push_back(static_cast<char>(0xC0 | code >> 6));
    text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | code >> 12));
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    text.push_back(static_cast<char>(0xF0 | code >> 18));
    text.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

absl::StatusOr<Digest> Finish(EVP_MD_CTX* context) {
  Digest digest = {};
  if (EVP_DigestFinal_ex(context, digest.data(), nullptr) != 1) {
    return absl::InternalError("no digest of the file could be made");
  }
  return digest;
}

ssize_t ReadSome(int file, char* buffer, size_t size) {
  while (true) {
    const ssize_t n = read(file, buffer, size);
    if (n >= 0 || errno != EINTR) return n;
  }
}

}  // namespace

DecodedFile::DecodedFile(std::string name) : name_(std::move(name)) {}

DecodedFile::~DecodedFile() {
  if (file_ > STDIN_FILENO) close(file_);
}

std::string DecodedFile::PlaceOf(int64_t line) const { return absl::StrCat(name_, ":", line); }

absl::StatusOr<std::unique_ptr<DecodedFile>> DecodedFile::Open(const std::string& path) {
  const bool standard_input = path == "-";
  auto file =
      std::unique_ptr<DecodedFile>(new DecodedFile(standard_input ? "standard input" : path));
  file->file_ = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file->file_ < 0) {
    return absl::NotFoundError(absl::StrCat("can't open ", path, ": ", std::strerror(errno)));
  }
  if (fstat(file->file_, &file->opened_) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't look at ", file->name_, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(file->opened_.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is a directory"));
  }
  if (S_ISREG(file->opened_.st_mode) && !standard_input) {
    file->path_ = path;
    file->size_ = file->opened_.st_size;
    file->digest_.reset(EVP_MD_CTX_new());
    if (file->digest_ == nullptr ||
        EVP_DigestInit_ex(file->digest_.get(), EVP_sha256(), nullptr) != 1) {
      return absl::InternalError("no digest of the file could be made");
    }
  }
  const absl::Status begun = file->Begin();
  if (!begun.ok()) return begun;
  return file;
}

absl::StatusOr<std::unique_ptr<DecodedFile>> DecodedFile::OfBytes(std::string name,
                                                                  absl::string_view bytes) {
  auto file = std::unique_ptr<DecodedFile>(new DecodedFile(std::move(name)));
  file->memory_ = bytes;
  file->size_ = static_cast<int64_t>(bytes.size());
  const absl::Status begun = file->Begin();
  if (!begun.ok()) return begun;
  return file;
}

// Reads until the encoding is known.
absl::Status DecodedFile::Begin() {
  while (raw_.size() < kEvidenceBytes && !raw_end_) {
    if (const absl::Status filled = Fill(); !filled.ok()) return filled;
  }
  if (const absl::string_view kind = ForeignKind(raw_); !kind.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name_, " ", kind));
  }
  if (absl::StartsWith(raw_, kUtf8Mark)) {
    raw_.erase(0, kUtf8Mark.size());
  } else if (absl::StartsWith(raw_, kUtf16LeMark) || absl::StartsWith(raw_, kUtf16BeMark)) {
    encoding_ = raw_[0] == '\xFF' ? Encoding::kUtf16Le : Encoding::kUtf16Be;
    raw_.erase(0, 2);
  } else {
    // A header is mostly ASCII, so every second byte of it is zero in UTF-16, and none in UTF-8.
    size_t zeros[2] = {0, 0};
    const size_t pairs = std::min(raw_.size(), kEvidenceBytes) / 2;
    for (size_t i = 0; i < pairs * 2; ++i) zeros[i % 2] += raw_[i] == '\0';
    if (pairs > 0 && zeros[0] == 0 && zeros[1] * 10 >= pairs * 9) encoding_ = Encoding::kUtf16Le;
    if (pairs > 0 && zeros[1] == 0 && zeros[0] * 10 >= pairs * 9) encoding_ = Encoding::kUtf16Be;
  }
  return absl::OkStatus();
}

absl::Status DecodedFile::Fill() {
  const size_t before = raw_.size();
  if (file_ < 0) {
    const size_t n = std::min(kChunkBytes, memory_.size());
    raw_.append(memory_.data(), n);
    memory_.remove_prefix(n);
  } else {
    raw_.resize(before + kChunkBytes);
    const ssize_t n = ReadSome(file_, raw_.data() + before, kChunkBytes);
    raw_.resize(before + std::max<ssize_t>(n, 0));
    if (n < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("can't read ", name_, ": ", std::strerror(errno)));
    }
  }
  const size_t more = raw_.size() - before;
  raw_end_ = more == 0;
  bytes_read_ += static_cast<int64_t>(more);
  if (digest_ != nullptr && EVP_DigestUpdate(digest_.get(), raw_.data() + before, more) != 1) {
    return absl::InternalError("no digest of the file could be made");
  }
  return absl::OkStatus();
}

DecodedFile::int_type DecodedFile::underflow() {
  while (gptr() == egptr()) {
    if (!next_status_.ok()) status_ = next_status_;
    if (!status_.ok() || (raw_end_ && raw_.empty())) return traits_type::eof();
    text_.clear();
    if (!raw_end_) {
      if (const absl::Status filled = Fill(); !filled.ok()) {
        status_ = filled;
        return traits_type::eof();
      }
    }
    const bool decoded = encoding_ == Encoding::kUtf8 ? DecodeUtf8() : DecodeUtf16();
    if (decoded && raw_end_ && !raw_.empty())
      Refuse("the file ends inside a character: is it whole?");
    line_ += std::count(text_.begin(), text_.end(), '\n');
    if (!next_status_.ok()) {
      next_status_ =
          absl::InvalidArgumentError(absl::StrCat(PlaceOf(line_), ": ", next_status_.message()));
    }
    setg(text_.data(), text_.data(), text_.data() + text_.size());
  }
  return traits_type::to_int_type(*gptr());
}

// The place is known once `text_` is counted.
bool DecodedFile::Refuse(absl::string_view reason) {
  next_status_ = absl::InvalidArgumentError(reason);
  raw_.clear();
  raw_end_ = true;
  return false;
}

bool DecodedFile::DecodeUtf8() {
  size_t i = 0;
  while (i < raw_.size()) {
    const unsigned char c = Byte(raw_, i);
    if (c == 0) {
      text_.assign(raw_, 0, i);
      return Refuse("there is a NUL byte: the file is damaged, or is no text");
    }
    if (c < 0x80) {
      ++i;
      continue;
    }
    const int length = SequenceLength(raw_, i);
    if (length < 0) break;
    if (length == 0) {
      text_.assign(raw_, 0, i);
      return Refuse("there is a character that is not UTF-8: save the file as UTF-8");
    }
    i += length;
  }
  text_.assign(raw_, 0, i);
  raw_.erase(0, i);
  return true;
}

bool DecodedFile::DecodeUtf16() {
  const size_t high = encoding_ == Encoding::kUtf16Le ? 1 : 0;
  const auto unit = [&](size_t at) {
    return static_cast<uint32_t>(Byte(raw_, at + high) << 8 | Byte(raw_, at + 1 - high));
  };
  size_t i = 0;
  while (i + 2 <= raw_.size()) {
    uint32_t code = unit(i);
    size_t length = 2;
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (i + 4 > raw_.size()) break;
      const uint32_t low = unit(i + 2);
      if (low < 0xDC00 || low > 0xDFFF) return Refuse("there is half a UTF-16 surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      length = 4;
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return Refuse("there is half a UTF-16 surrogate pair");
    }
    if (code == 0) return Refuse("there is a NUL character: the file is damaged, or is no text");
    AppendUtf8(code, text_);
    i += length;
  }
  raw_.erase(0, i);
  return true;
}

absl::Status DecodedFile::CheckUnchanged() {
  if (path_.empty()) return absl::OkStatus();
  const absl::Status changed = absl::AbortedError(absl::StrCat(
      name_, " changed while it was read: publish it again when nothing writes to it"));
  const auto same = [this](const struct stat& now) {
    return now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec && now.st_ino == opened_.st_ino &&
           now.st_dev == opened_.st_dev;
  };
  struct stat now = {};
  if (bytes_read_ != opened_.st_size || fstat(file_, &now) != 0 || !same(now)) return changed;
  // A writer that sets the time back is still found out.
  const absl::StatusOr<Digest> first = Finish(digest_.get());
  if (!first.ok()) return first.status();
  if (EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1 ||
      lseek(file_, 0, SEEK_SET) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("can't read ", name_, " again"));
  }
  std::string buffer(kChunkBytes, '\0');
  ssize_t n;
  while ((n = ReadSome(file_, buffer.data(), buffer.size())) > 0) {
    if (EVP_DigestUpdate(digest_.get(), buffer.data(), n) != 1) {
      return absl::InternalError("no digest of the file could be made");
    }
  }
  const absl::StatusOr<Digest> second = Finish(digest_.get());
  if (!second.ok()) return second.status();
  if (n < 0 || *first != *second || stat(path_.c_str(), &now) != 0 || !same(now)) return changed;
  return absl::OkStatus();
}

}  // namespace sluice::client
