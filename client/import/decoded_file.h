// The text of a file as UTF-8, whatever encoding it came in: UTF-8 with and without a byte order
// mark, UTF-16 of both byte orders with one or by evidence. What is no such text (a NUL byte, a
// broken sequence, an archive) ends the stream, and `status` says where.
//
// Holds 64 KiB of the file at a time. One a file; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_DECODED_FILE_H_
#define SLUICE_CLIENT_IMPORT_DECODED_FILE_H_

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <streambuf>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

class DecodedFile : public std::streambuf {
 public:
  // `path`: "-" is standard input. NOT_FOUND or FAILED_PRECONDITION with the name and the reason;
  // INVALID_ARGUMENT for what is an archive or no text.
  static absl::StatusOr<std::unique_ptr<DecodedFile>> Open(const std::string& path);
  // Of bytes in memory, which must outlive it. `name` stands in errors.
  static absl::StatusOr<std::unique_ptr<DecodedFile>> OfBytes(std::string name,
                                                              absl::string_view bytes);
  ~DecodedFile() override;

  // "standard input" for "-".
  const std::string& name() const { return name_; }
  // `name:line`
  std::string PlaceOf(int64_t line) const;
  // Why the stream ended before the text did, with its place; OK otherwise.
  const absl::Status& status() const { return status_; }
  // ABORTED if the file is not, or may not be, what was read of it: looked at by its size, time and
  // inode, and by reading it a second time. Only after the end of the stream.
  absl::Status CheckUnchanged();

  int64_t bytes_read() const { return bytes_read_; }
  // 0 where nobody knows: a pipe.
  int64_t size() const { return size_; }

 protected:
  int_type underflow() override;

 private:
  enum class Encoding { kUtf8, kUtf16Le, kUtf16Be };
  explicit DecodedFile(std::string name);
  absl::Status Begin();
  absl::Status Fill();
  // Takes all of `raw_` that is whole into `text_`; false: what follows can't be decoded.
  bool DecodeUtf8();
  bool DecodeUtf16();
  bool Refuse(absl::string_view reason);

  std::string name_;
  std::string path_;  // empty: can't be looked at again
  int file_ = -1;     // -1: bytes in memory
  absl::string_view memory_;
  struct stat opened_ = {};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest_{nullptr, &EVP_MD_CTX_free};

  Encoding encoding_ = Encoding::kUtf8;
  std::string raw_;   // read and not decoded yet
  std::string text_;  // what the stream gives now
  bool raw_end_ = false;
  absl::Status status_;
  absl::Status next_status_;  // after `text_`
  int64_t line_ = 1;          // at the end of `text_`
  int64_t bytes_read_ = 0;
  int64_t size_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_DECODED_FILE_H_
