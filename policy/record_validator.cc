#include "policy/record_validator.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "policy/canonical_form.h"
#include "policy/civil_date.h"
#include "policy/wire.h"

namespace sluice::policy {

namespace {

enum class Form {
  kCanonical,
  kOther,  // protobuf may read it, but would not write it so
};

void AppendKeyPart(absl::string_view part, std::string& key) {
  for (const int shift : {24, 16, 8, 0}) {
    key.push_back(static_cast<char>(part.size() >> shift & 0xff));
  }
  absl::StrAppend(&key, part);
}

// The id space whose ids are whole only with their source system.
constexpr absl::string_view kScopedIdSpace = "person";

// A subject whose id is not whole before its message has been read.
struct ScopedSubject {
  const Field* field;
  size_t subject;  // its place among the record's
};

// One reading of a record's bytes from front to back. It stops where the form is not canonical and
// goes on where a value is wrong, so that every wrong value is reported, up to kMaxRecordProblems.
class Reading {
 public:
  Reading(const RecordType& type, bool key_only)
      : type_(type),
        key_only_(key_only),
        person_(type.joins_ids() ? type.Find("person_id") : nullptr) {}

  Form Read(absl::string_view bytes) {
    const Form form = ReadMessage(type_.fields(), "", bytes);
    if (form != Form::kCanonical) return form;
    for (const Field* const leaf : type_.leaves()) {
      if (!leaf->key) continue;
      const auto it = key_parts_.find(leaf);
      if (it == key_parts_.end() && leaf->optional_in_key) {
        AppendKeyPart("", record_.key);
        continue;
      }
      if (it == key_parts_.end() || it->second.empty()) {
        Report(leaf->path, "KEY_MISSING", "this part of the key is missing or empty");
        continue;
      }
      AppendKeyPart(it->second, record_.key);
    }
    if (type_.joins_ids()) AddIdentity();
    return form;
  }

  std::vector<RecordProblem>& problems() { return problems_; }
  ValidRecord& record() { return record_; }

 private:
  Form ReadMessage(const std::vector<Field>& fields, absl::string_view path,
                   absl::string_view bytes) {
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    uint32_t last = 0;
    const size_t first_scoped = scoped_.size();
    absl::InlinedVector<const Field*, 4> required;  // those that are there
    while (p < end && !IsFull()) {
      const wire::Element e = wire::ReadElement(p, end);
      if (e.next == nullptr) return Form::kOther;
      p = e.next;
      const auto at = std::lower_bound(
          fields.begin(), fields.end(), e.number,
          [](const Field& f, uint32_t number) { return static_cast<uint32_t>(f.number) < number; });
      if (at == fields.end() || static_cast<uint32_t>(at->number) != e.number) {
        Report(path, "UNKNOWN_FIELD", absl::StrCat("the type has no field number ", e.number));
        continue;
      }
      if (e.number < last || (e.number == last && (!at->repeated || at->packed))) {
        return Form::kOther;
      }
      last = e.number;
      if (at->required && (e.type != wire::kBytes || e.value > 0)) required.push_back(&*at);
      if (ReadField(*at, e) != Form::kCanonical) return Form::kOther;
    }
    // What follows the last problem was not looked at and may be anything.
    if (!IsFull()) {
      for (const Field& field : fields) {
        if (field.required && !field.key && !key_only_ &&
            !absl::c_linear_search(required, &field)) {
          Report(field.path, "FIELD_MISSING", "this field is missing or empty, and is required");
        }
      }
      for (size_t i = first_scoped; i < scoped_.size(); ++i) AddScope(scoped_[i], fields, bytes);
    }
    scoped_.resize(first_scoped);
    return Form::kCanonical;
  }

  // The code that stands beside the id becomes part of it: before it, with its length, so that no
  // two pairs are one id.
  void AddScope(const ScopedSubject& scoped, const std::vector<Field>& fields,
                absl::string_view message) {
    const auto beside = std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
      return field.name == scoped.field->id_scope;
    });
    std::optional<std::string> scope;
    const char* p = message.data();
    const char* const end = p + message.size();
    while (p < end) {
      const wire::Element e = wire::ReadElement(p, end);
      p = e.next;
      if (e.number == static_cast<uint32_t>(beside->number)) scope = Canonical(e.bytes(), {});
    }
    if (!scope || scope->empty()) {
      ReportValue(*scoped.field, absl::StrCat("names nobody without ", scoped.field->id_scope));
      return;
    }
    std::string& id = record_.subjects[scoped.subject].id;
    std::string whole;
    AppendKeyPart(*scope, whole);
    absl::StrAppend(&whole, id);
    id = std::move(whole);
  }

  // Of canonical parts, so that the name is the one that other records have of the same id. Only
  // ids of this one space have a scope; with one that is missing, or one too many, two keys would
  // be one id, or an id nobody's.
  void AddIdentity() {
    const auto part = [&](absl::string_view name) -> absl::string_view {
      const auto it = key_parts_.find(type_.Find(name));
      return it == key_parts_.end() ? "" : absl::string_view(it->second);
    };
    absl::string_view space = part("id_space");
    space.remove_prefix(space.find('#') + 1);
    const absl::string_view scope = part("source_system");
    const bool scoped = space == kScopedIdSpace;
    if (scoped && scope.empty()) {
      Report("source_system", "KEY_MISSING", "an id of a person means nothing without it");
    }
    if (!scoped && !scope.empty()) {
      Report("source_system", "INVALID_VALUE", "only an id of a person has one");
    }
    if (key_only_) return;
    if (person_id_.empty()) Report("person_id", "INVALID_VALUE", "names nobody");
    std::string id;
    if (scoped) AppendKeyPart(scope, id);
    absl::StrAppend(&id, part("id"));
    record_.identity = {{std::string(space), std::move(id)}, person_id_};
  }

  Form ReadField(const Field& field, const wire::Element& e) {
    if (e.type != (field.packed ? wire::kBytes : wire::TypeOf(field.type))) return Form::kOther;
    switch (field.kind) {
      case FieldKind::kMessage:
        return ReadMessage(field.fields, field.path, e.bytes());
      case FieldKind::kDate:
        return ReadDate(field, e.bytes());
      case FieldKind::kDecimal:
        return ReadDecimal(field, e.bytes());
      case FieldKind::kInteger:
      case FieldKind::kBool:
        return field.packed ? ReadPacked(field, e.bytes()) : ReadNumber(field, e.value);
      case FieldKind::kString:
      case FieldKind::kCode:
      case FieldKind::kPostalCode:
        ReadString(field, e.bytes());
        return Form::kCanonical;
    }
    return Form::kOther;
  }

  void ReadString(const Field& field, absl::string_view value) {
    if (!IsValidUtf8(value)) {
      Report(field.path, "INVALID_UTF8", "the text is not UTF-8");
      return;
    }
    if (field.closed && !field.code_set->Contains(value)) {
      ReportValue(field, absl::StrCat("no value of the closed code set ", field.code_set->name()));
    }
    const v1::CanonicalForm& form = field.canonical_form;
    if (!field.key && !field.names_subject() && &field != person_ && !form.postal_code() &&
        form.pad_zeros() == 0) {
      return;
    }
    std::optional<std::string> canonical = Canonical(value, form);
    if (!canonical) {
      ReportValue(field, form.postal_code()
                             ? "no United States postal code"
                             : absl::StrCat("not digits, ", form.pad_zeros(), " at most"));
      return;
    }
    if (field.names_subject()) {
      if (canonical->empty() && !field.key) ReportValue(field, "names nobody");
      if (record_.subjects.size() == kMaxRecordSubjects) {
        ReportValue(field, absl::StrCat("the record names more than ", kMaxRecordSubjects,
                                        " persons: part it"));
        return;
      }
      if (!field.id_scope.empty()) scoped_.push_back({&field, record_.subjects.size()});
      record_.subjects.push_back({field.id_space, *canonical});
    }
    if (&field == person_) person_id_ = *canonical;
    if (field.key) key_parts_[&field] = *std::move(canonical);
  }

  Form ReadNumber(const Field& field, uint64_t raw) {
    if (!wire::IsCanonical(field.type, raw)) return Form::kOther;
    if (field.key) {
      key_parts_[&field] = wire::IsUnsigned64(field.type)
                               ? absl::StrCat(raw)
                               : absl::StrCat(wire::SignedOf(field.type, raw));
    }
    return Form::kCanonical;
  }

  // A run of numbers, in one piece and not empty.
  static Form ReadPacked(const Field& field, absl::string_view bytes) {
    if (bytes.empty()) return Form::kOther;
    const wire::Type type = wire::TypeOf(field.type);
    if (type != wire::kVarint) {
      return bytes.size() % (type == wire::kFixed64 ? 8 : 4) == 0 ? Form::kCanonical : Form::kOther;
    }
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    while (p < end) {
      const wire::Varint v = wire::ReadVarint(p, end);
      if (v.next == nullptr || !wire::IsCanonical(field.type, v.value)) return Form::kOther;
      p = v.next;
    }
    return Form::kCanonical;
  }

  Form ReadDate(const Field& field, absl::string_view bytes) {
    CivilDate date;
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    uint32_t last = 0;
    while (p < end && !IsFull()) {
      const wire::Element e = wire::ReadElement(p, end);
      if (e.next == nullptr) return Form::kOther;
      p = e.next;
      if (e.number > 3) {
        Report(field.path, "UNKNOWN_FIELD", absl::StrCat("a date has no field number ", e.number));
        continue;
      }
      if (e.number <= last) return Form::kOther;
      last = e.number;
      // A part that is zero is not written.
      if (e.type != wire::kVarint || e.value == 0 ||
          !wire::IsCanonical(wire::Field::TYPE_INT32, e.value)) {
        return Form::kOther;
      }
      const auto part = static_cast<int32_t>(e.value);
      (e.number == 1 ? date.year : e.number == 2 ? date.month : date.day) = part;
    }
    if (!date.IsValid()) {
      ReportValue(field, "no date of the calendar: a year, a year and month, or a whole date");
    } else if (field.key) {
      key_parts_[&field] = absl::StrFormat("%04d-%02d-%02d", date.year, date.month, date.day);
    }
    return Form::kCanonical;
  }

  Form ReadDecimal(const Field& field, absl::string_view bytes) {
    absl::string_view value;
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    while (p < end && !IsFull()) {
      const wire::Element e = wire::ReadElement(p, end);
      if (e.next == nullptr) return Form::kOther;
      p = e.next;
      if (e.number != 1) {
        Report(field.path, "UNKNOWN_FIELD",
               absl::StrCat("a decimal has no field number ", e.number));
        continue;
      }
      if (!value.empty() || e.type != wire::kBytes || e.value == 0) return Form::kOther;
      value = e.bytes();
    }
    if (!IsValidUtf8(value)) {
      Report(field.path, "INVALID_UTF8", "the text is not UTF-8");
    } else if (!IsDecimal(value)) {
      ReportValue(field, "no decimal number");
    }
    return Form::kCanonical;
  }

  // A deletion looks at the key alone.
  void ReportValue(const Field& field, absl::string_view description) {
    if (!key_only_ || field.key) Report(field.path, "INVALID_VALUE", description);
  }

  bool IsFull() const { return problems_.size() >= kMaxRecordProblems; }

  void Report(absl::string_view field, absl::string_view reason, absl::string_view description) {
    if (IsFull()) return;
    problems_.push_back({std::string(field), std::string(reason), std::string(description)});
  }

  const RecordType& type_;
  const bool key_only_;
  const Field* const person_;  // of a type that joins ids: what equals among joined ones
  std::string person_id_;
  ValidRecord record_;
  std::vector<RecordProblem> problems_;
  std::vector<ScopedSubject> scoped_;  // of the messages that are being read
  absl::flat_hash_map<const Field*, std::string> key_parts_;
};

// What protobuf makes of bytes that are in another form than it would write; nullopt if it cannot
// read them.
std::optional<std::string> Rewrite(const RecordType& type, absl::string_view bytes) {
  const std::unique_ptr<google::protobuf::Message> message(type.prototype().New());
  // Its complaints would go to the standard error, past the log.
  const google::protobuf::LogSilencer silence;
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  if (!message->SerializeToCodedStream(&coded)) return std::nullopt;
  coded.Trim();
  return out;
}

Validation Refused(absl::string_view reason, absl::string_view description) {
  return {{}, {{"", std::string(reason), std::string(description)}}};
}

}  // namespace

std::optional<SubjectName> NameSubject(absl::string_view id_space, absl::string_view id_scope,
                                       absl::string_view id) {
  const std::optional<std::string> scope = Canonical(id_scope, {});
  const std::optional<std::string> canonical = Canonical(id, {});
  if (!scope || !canonical || canonical->empty()) return std::nullopt;
  if (scope->empty() == (id_space == kScopedIdSpace)) return std::nullopt;
  SubjectName name{std::string(id_space), ""};
  if (!scope->empty()) AppendKeyPart(*scope, name.id);
  absl::StrAppend(&name.id, *canonical);
  return name;
}

Validation ValidateRecord(const RecordType& type, absl::string_view bytes, bool key_only) {
  if (bytes.size() > kMaxRecordBytes) {
    return Refused("TOO_LARGE", absl::StrCat("a record has at most ", kMaxRecordBytes, " bytes"));
  }
  auto reading = std::make_unique<Reading>(type, key_only);
  std::string canonical(bytes);
  if (reading->Read(canonical) != Form::kCanonical) {
    std::optional<std::string> rewritten = Rewrite(type, bytes);
    if (!rewritten) {
      if (!reading->problems().empty()) return {{}, std::move(reading->problems())};
      return Refused("MALFORMED", "the bytes are no message of this type");
    }
    canonical = *std::move(rewritten);
    reading = std::make_unique<Reading>(type, key_only);
    if (reading->Read(canonical) != Form::kCanonical) {
      if (!reading->problems().empty()) return {{}, std::move(reading->problems())};
      return Refused("MALFORMED", "a field has another wire type than its own");
    }
  }
  if (!reading->problems().empty()) return {{}, std::move(reading->problems())};
  Validation valid{std::move(reading->record()), {}};
  valid.record.bytes = std::move(canonical);
  return valid;
}

}  // namespace sluice::policy
