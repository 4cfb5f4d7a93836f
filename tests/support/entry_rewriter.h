// Writes an entry's JSON again from what was parsed. An accepted entry must come out byte for byte:
// what has two forms could be shown as one and hashed as the other.
#ifndef SLUICE_TESTS_SUPPORT_ENTRY_REWRITER_H_
#define SLUICE_TESTS_SUPPORT_ENTRY_REWRITER_H_

#include <string>

#include "server/audit/entry_json.h"

namespace sluice::server {

inline void RewriteMembers(const JsonValue& object, JsonWriter& json);

inline void RewriteMember(absl::string_view key, const JsonValue& value, JsonWriter& json) {
  switch (value.kind) {
    case JsonValue::Kind::kObject:
      json.BeginObject(key);
      RewriteMembers(value, json);
      json.EndObject();
      return;
    case JsonValue::Kind::kArray:
      json.BeginArray(key);
      for (const JsonValue& item : value.items) {
        if (item.kind == JsonValue::Kind::kString) {
          json.String(item.string);
          continue;
        }
        json.BeginObject();
        RewriteMembers(item, json);
        json.EndObject();
      }
      json.EndArray();
      return;
    case JsonValue::Kind::kString:
      json.String(key, value.string);
      return;
    case JsonValue::Kind::kInteger:
      json.Integer(key, value.integer);
      return;
    case JsonValue::Kind::kBoolean:
      json.True(key);
      return;
  }
}

inline void RewriteMembers(const JsonValue& object, JsonWriter& json) {
  for (const JsonValue& member : object.members) RewriteMember(member.key, member, json);
}

inline std::string Rewrite(const JsonValue& object) {
  JsonWriter json;
  json.BeginObject();
  RewriteMembers(object, json);
  json.EndObject();
  return json.text();
}

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_ENTRY_REWRITER_H_
