// An entry of the log as a person reads it: who, what, and how it ended, out of the entry's own
// JSON. What a gateway shows may be anything, so nothing here relies on a member's being there, or
// on its being what it should be; and nothing is fit for a terminal before it is Printable.
//
// Values.
#ifndef SLUICE_CLIENT_COMMAND_LOG_ENTRY_H_
#define SLUICE_CLIENT_COMMAND_LOG_ENTRY_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::client {

class LogEntryView {
 public:
  using Json = nlohmann::ordered_json;

  explicit LogEntryView(const v1::LogEntry& entry);

  int64_t index() const { return index_; }
  // The bytes that were hashed.
  const std::string& body() const { return body_; }
  // One JSON object with a type. If not, every member is empty.
  bool is_entry() const { return is_entry_; }

  // A member's text, number or truth as text; empty if it has none. `Of` a member that is an
  // object.
  std::string Member(const char* key) const { return TextOf(json_, key); }
  std::string Of(const char* object, const char* key) const;
  int64_t Integer(const char* key, int64_t absent) const;
  int64_t IntegerOf(const char* object, const char* key, int64_t absent) const;
  // Strings of a member that is an array.
  std::vector<std::string> List(const char* key) const;

  std::string type() const { return Member("type"); }
  // Nothing unless it is of the years 1970 to 9999.
  std::optional<absl::Time> time() const;
  // "admin", "operator"; "system"; empty if nobody called.
  std::string CallerKind() const;
  // "river-unified/hiring"; of a person what stands in the log: "river-unified admin 3f9a5c017be2".
  std::string Who() const;
  // "READ Candidate, stem-pipeline 1, hiring_pipeline"
  std::string What() const;
  // "PERMIT", "DENIAL NO_MOU", an outcome's "OK".
  std::string Result() const;
  // Of a disclosure: "birth_date (date:YEAR), subject_area".
  std::string FieldsText() const;
  // Whom it names, each once: the caller's, the owner, parties.
  std::vector<std::string> Organizations() const;

  // "2027-01-01 00:00:00"
  std::string TimeText() const;
  // The body, if it is one line of JSON; as a JSON string if not.
  std::string JsonLine() const;
  bool IsOneLineOfJson() const;

 private:
  static std::string TextOf(const Json& object, const char* key);

  int64_t index_ = 0;
  std::string body_;
  Json json_ = Json::object();
  bool is_entry_ = false;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_ENTRY_H_
