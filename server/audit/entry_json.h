// The JSON of entries: one object without white space, closed names and integers only. So there is
// nothing to escape, and one value has one form.
//
// JsonWriter: one an entry. JsonValue: views into the bytes that it was parsed from.
#ifndef SLUICE_SERVER_AUDIT_ENTRY_JSON_H_
#define SLUICE_SERVER_AUDIT_ENTRY_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// Integers stay below 2^53, which every reader of JSON can hold.
inline constexpr int64_t kMaxEntryInteger = (int64_t{1} << 53) - 1;

// Writes members in the order of the calls. A string or number that an entry may not hold makes
// `ok` false for good.
class JsonWriter {
 public:
  void BeginObject(absl::string_view key);
  void BeginObject();  // in an array
  void EndObject();
  void BeginArray(absl::string_view key);
  void EndArray();
  void String(absl::string_view key, absl::string_view value);
  void String(absl::string_view value);  // in an array
  void Integer(absl::string_view key, int64_t value);
  void True(absl::string_view key);

  bool ok() const { return ok_; }
  const std::string& text() const { return text_; }

 private:
  void Key(absl::string_view key);
  void Separate();
  void Quote(absl::string_view value);

  std::string text_;
  bool ok_ = true;
};

struct JsonValue {
  enum class Kind { kObject, kArray, kString, kInteger, kBoolean };

  Kind kind = Kind::kBoolean;
  absl::string_view string;
  int64_t integer = 0;
  bool boolean = false;
  absl::string_view key;           // where this is a member
  std::vector<JsonValue> members;  // of an object, in its order
  std::vector<JsonValue> items;    // of an array

  // nullptr if this is no object with such a member of this kind.
  const JsonValue* Find(absl::string_view key, Kind kind) const;
  // Empty, or `absent`, if there is none.
  absl::string_view FindString(absl::string_view key) const;
  int64_t FindInteger(absl::string_view key, int64_t absent) const;
};

// INVALID_ARGUMENT unless `text` is one object that JsonWriter could have written.
absl::StatusOr<JsonValue> ParseEntryJson(absl::string_view text);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_ENTRY_JSON_H_
