#include "policy/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/data_file.h"
#include "policy/digest.h"
#include "policy/integer_range.h"
#include "sluice/v1/candidate_records.pb.h"
#include "sluice/v1/evaluation_records.pb.h"
#include "sluice/v1/organization_records.pb.h"
#include "sluice/v1/person_records.pb.h"
#include "sluice/v1/staff_records.pb.h"

namespace sluice::policy {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

absl::Status Wrong(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("catalog: ", where, ": ", what));
}

bool Known(v1::Sensitivity s) {
  return v1::Sensitivity_IsValid(s) && s != v1::SENSITIVITY_UNSPECIFIED;
}
bool Known(v1::Regime r) { return v1::Regime_IsValid(r) && r != v1::REGIME_UNSPECIFIED; }

// What the canonical text calls the kind: exact as to the wire, because a digest pins how bytes
// are read.
std::string KindName(const Field& field) {
  switch (field.kind) {
    case FieldKind::kString:
      return "string";
    case FieldKind::kCode:
      return "code";
    case FieldKind::kPostalCode:
      return "postal_code";
    case FieldKind::kInteger:
      return FieldDescriptor::TypeName(field.type);
    case FieldKind::kBool:
      return "bool";
    case FieldKind::kDate:
      return "date";
    case FieldKind::kDecimal:
      return "decimal";
    case FieldKind::kMessage:
      return "message";
  }
  return "";
}

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

std::string CanonicalFormText(const v1::CanonicalForm& form) {
  std::vector<std::string> parts;
  if (form.fold_case()) parts.push_back("fold_case");
  if (form.pad_zeros() > 0) parts.push_back(absl::StrCat("pad_zeros=", form.pad_zeros()));
  if (form.postal_code()) parts.push_back("postal_code");
  return absl::StrJoin(parts, ",");
}

std::string CodeSetText(const Field& field) {
  if (field.code_set == nullptr) return "";
  return absl::StrCat(field.code_set->name(), "=", OrDash(field.code_set->digest()),
                      field.closed ? ",closed" : "");
}

std::string IdSpaceText(const Field& field) {
  if (field.id_scope.empty()) return OrDash(field.id_space);
  return absl::StrCat(field.id_space, "(", field.id_scope, ")");
}

std::string LineOf(const Field& field, absl::string_view numbers) {
  std::vector<std::string> regimes, floor;
  for (const v1::Regime r : field.regimes) regimes.push_back(v1::Regime_Name(r));
  for (const FieldRule& rule : field.floor) floor.push_back(rule.ToString());
  if (field.withheld) floor = {"drop"};
  return absl::StrCat(
      numbers, "\t", field.path, "\t", KindName(field), "\t",
      field.packed     ? "packed"
      : field.repeated ? "repeated"
                       : "-",
      "\t", v1::Sensitivity_Name(field.sensitivity), field.not_brokered ? ",not_brokered" : "",
      "\t", OrDash(absl::StrJoin(regimes, ",")), "\t",
      field.optional_in_key ? "key?"
      : field.key           ? "key"
      : field.required      ? "required"
                            : "-",
      "\t", IdSpaceText(field), "\t", OrDash(absl::StrJoin(floor, ",")), "\t",
      OrDash(CanonicalFormText(field.canonical_form)), "\t", OrDash(CodeSetText(field)), "\n");
}

}  // namespace

// Reads one type's fields, depth first in order of number.
class RecordTypeReader {
 public:
  RecordTypeReader(const Descriptor& type, const CodeSets& code_sets,
                   absl::node_hash_map<std::string, CodeSet>& empty_sets)
      : type_(type), code_sets_(code_sets), empty_sets_(empty_sets) {}

  absl::StatusOr<std::vector<Field>> Read() {
    if (!type_.options().HasExtension(v1::record)) {
      return Wrong(type_.full_name(), "no (sluice.v1.record) annotation");
    }
    if (type_.name().size() > kMaxTypeName) {
      return Wrong(type_.full_name(),
                   absl::StrCat("has a name of more than ", kMaxTypeName, " characters"));
    }
    const v1::RecordAnnotation& record = type_.options().GetExtension(v1::record);
    if (record.ed_fi_entity().empty()) return Wrong(type_.full_name(), "no ed_fi_entity");
    for (const int regime : record.regimes()) {
      regimes_.push_back(static_cast<v1::Regime>(regime));
      if (!Known(regimes_.back())) return Wrong(type_.full_name(), "an unknown regime");
    }
    if (regimes_.empty()) return Wrong(type_.full_name(), "no regime");
    withheld_ = record.withheld();
    return Fields(type_, nullptr);
  }

 private:
  absl::StatusOr<std::vector<Field>> Fields(const Descriptor& message, const Field* around) {
    if (!open_.insert(&message).second) return Wrong(message.full_name(), "contains itself");
    if (open_.size() > kMaxFieldDepth) {
      return Wrong(type_.full_name(), absl::StrCat("is deeper than ", kMaxFieldDepth, " messages"));
    }
    if (message.real_oneof_decl_count() > 0) return Wrong(message.full_name(), "has a oneof");
    if (message.extension_range_count() > 0) {
      return Wrong(message.full_name(), "can be extended");
    }
    std::vector<const FieldDescriptor*> members;
    for (int i = 0; i < message.field_count(); ++i) members.push_back(message.field(i));
    std::sort(members.begin(), members.end(),
              [](const auto* a, const auto* b) { return a->number() < b->number(); });
    std::vector<Field> fields;
    for (const FieldDescriptor* const member : members) {
      absl::StatusOr<Field> field = Read(*member, around);
      if (!field.ok()) return field.status();
      fields.push_back(*std::move(field));
    }
    open_.erase(&message);
    for (const Field& field : fields) {
      const absl::Status scope = CheckScope(field, fields);
      if (!scope.ok()) return scope;
    }
    return fields;
  }

  // The code that is part of an id stands beside it, and is in the key if the id is.
  absl::Status CheckScope(const Field& field, const std::vector<Field>& beside) const {
    if (field.id_scope.empty()) return absl::OkStatus();
    if (!field.names_subject()) return At(field, "has an id scope and names no subject");
    const auto scope = std::find_if(beside.begin(), beside.end(), [&](const Field& other) {
      return other.name == field.id_scope;
    });
    if (scope == beside.end() || scope->kind != FieldKind::kCode || scope->repeated ||
        field.repeated) {
      return At(field, "has an id scope that is no single code beside a single id");
    }
    if (field.key && !scope->key) return At(field, "is part of the key, and its id scope is not");
    return absl::OkStatus();
  }

  absl::StatusOr<Field> Read(const FieldDescriptor& member, const Field* around) {
    Field field;
    field.number = member.number();
    field.name = member.name();
    field.path = around == nullptr ? field.name : absl::StrCat(around->path, ".", field.name);
    field.type = member.type();
    field.repeated = member.is_repeated();
    field.packed = member.is_packed();
    field.singular_path = !field.repeated && (around == nullptr || around->singular_path);
    if (++fields_read_ > kMaxFieldsOfType) {
      return Wrong(type_.full_name(), absl::StrCat("has more than ", kMaxFieldsOfType, " fields"));
    }
    if (member.is_map()) return At(field, "is a map");
    if (field.path.size() > kMaxFieldPath) {
      return At(field, absl::StrCat("has a path of more than ", kMaxFieldPath, " characters"));
    }

    const v1::FieldAnnotation& said = member.options().GetExtension(v1::field);
    field.sensitivity = said.sensitivity();
    field.key = said.key() || (around != nullptr && around->key);
    field.optional_in_key = said.optional_in_key();
    field.required = said.required();
    field.id_space = said.id_space();
    field.id_scope = said.id_scope();
    field.withheld = withheld_;
    field.not_brokered = said.not_brokered() || (around != nullptr && around->not_brokered);
    field.ed_fi_element = said.ed_fi_element();
    field.canonical_form = said.canonical_form();
    for (const int regime : said.regimes()) {
      field.regimes.push_back(static_cast<v1::Regime>(regime));
      if (!Known(field.regimes.back())) return At(field, "an unknown regime");
    }
    if (field.regimes.empty()) field.regimes = regimes_;

    const absl::Status kind = SetKind(member, said, field);
    if (!kind.ok()) return kind;
    if (field.kind == FieldKind::kMessage) {
      if (field.required) return At(field, "is a message and required: say it of its fields");
      absl::StatusOr<std::vector<Field>> inside = Fields(*member.message_type(), &field);
      if (!inside.ok()) return inside.status();
      field.fields = *std::move(inside);
      return field;
    }
    if (!field.repeated && !member.has_presence()) {
      return At(field, "has no explicit presence: zero and absence would be one");
    }
    if (field.key && field.kind == FieldKind::kDecimal) {
      return At(field, "is a decimal and part of the key: one number has many spellings");
    }
    if (field.key && !field.singular_path) return At(field, "is repeated and part of the key");
    if (field.optional_in_key && !field.key) return At(field, "is optional in a key without it");
    if (field.required && field.repeated) return At(field, "is repeated and required");
    if (field.required && said.key()) return At(field, "is required as a part of the key already");
    if (said.closed() && (field.code_set == nullptr || field.code_set->codes().empty())) {
      return At(field, "is closed to all but a code set that has no value");
    }
    field.closed = said.closed();
    if (field.sensitivity != v1::SENSITIVITY_UNSPECIFIED && !Known(field.sensitivity)) {
      return At(field, "an unknown sensitivity");
    }
    for (const v1::FieldRule& floor : said.floor()) {
      absl::StatusOr<FieldRule> rule = FieldRule::FromProto(floor);
      if (!rule.ok()) return At(field, rule.status().message());
      const absl::Status fits = Fits(*rule, field);
      if (!fits.ok()) return At(field, fits.message());
      field.floor.push_back(*std::move(rule));
    }
    return field;
  }

  absl::Status SetKind(const FieldDescriptor& member, const v1::FieldAnnotation& said,
                       Field& field) {
    const bool string = member.type() == FieldDescriptor::TYPE_STRING;
    if (!string &&
        (!said.id_space().empty() || !said.code_set().empty() || said.has_canonical_form())) {
      return At(field, "has an id space, a code set or a canonical form and is no string");
    }
    if (string) {
      field.kind = FieldKind::kString;
      if (said.canonical_form().postal_code()) field.kind = FieldKind::kPostalCode;
      if (!said.id_space().empty() && !IsDataName(said.id_space())) {
        return At(field, "has an id space that is no name");
      }
      if (said.code_set().empty()) return absl::OkStatus();
      if (!IsDataName(said.code_set())) return At(field, "has a code set that is no name");
      if (said.has_canonical_form() || !said.id_space().empty()) {
        return At(field, "is a code: it has no canonical form and names no subject");
      }
      field.kind = FieldKind::kCode;
      field.code_set = code_sets_.Find(said.code_set());
      if (field.code_set == nullptr) {
        field.code_set = &empty_sets_.try_emplace(said.code_set(), CodeSet::Empty(said.code_set()))
                              .first->second;
      }
    } else if (!RangeOf(member.type()).empty()) {
      field.kind = FieldKind::kInteger;
    } else if (member.type() == FieldDescriptor::TYPE_BOOL) {
      field.kind = FieldKind::kBool;
    } else if (member.type() == FieldDescriptor::TYPE_MESSAGE) {
      const std::string& name = member.message_type()->full_name();
      field.kind = name == "google.type.Date"      ? FieldKind::kDate
                   : name == "google.type.Decimal" ? FieldKind::kDecimal
                                                   : FieldKind::kMessage;
      if (field.kind == FieldKind::kMessage && said.floor_size() > 0) {
        return At(field, "is a message and has a floor: rules stand on scalars");
      }
    } else {
      return At(field, "is of a type that no field rule knows");
    }
    return absl::OkStatus();
  }

  absl::Status At(const Field& field, absl::string_view what) const {
    return Wrong(absl::StrCat(type_.full_name(), ".", field.path), what);
  }

  const Descriptor& type_;
  const CodeSets& code_sets_;
  absl::node_hash_map<std::string, CodeSet>& empty_sets_;
  std::vector<v1::Regime> regimes_;
  bool withheld_ = false;
  size_t fields_read_ = 0;
  absl::flat_hash_set<const Descriptor*> open_;
};

const Field* RecordType::Find(absl::string_view path) const {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : it->second;
}

void RecordType::Index(const std::vector<Field>& fields, absl::string_view around) {
  for (const Field& field : fields) {
    const std::string numbers = absl::StrCat(around, around.empty() ? "" : ".", field.number);
    canonical_text_ += LineOf(field, numbers);
    by_path_.emplace(field.path, &field);
    if (field.kind == FieldKind::kMessage) {
      Index(field.fields, numbers);
      continue;
    }
    leaves_.push_back(&field);
    if (field.names_subject()) subject_fields_.push_back(&field);
  }
}

std::vector<const Descriptor*> Catalog::BuiltInTypes() {
  std::vector<const Descriptor*> types;
  for (const google::protobuf::FileDescriptor* const file :
       {v1::Candidate::descriptor()->file(), v1::EvaluationRating::descriptor()->file(),
        v1::Organization::descriptor()->file(), v1::PersonIdentity::descriptor()->file(),
        v1::Employment::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const Descriptor* const message = file->message_type(i);
      if (message->options().HasExtension(v1::record)) types.push_back(message);
    }
  }
  return types;
}

absl::StatusOr<std::shared_ptr<const Catalog>> Catalog::BuiltIn() {
  absl::StatusOr<std::shared_ptr<const CodeSets>> code_sets = CodeSets::BuiltIn();
  if (!code_sets.ok()) return code_sets.status();
  return Create(BuiltInTypes(), *std::move(code_sets));
}

absl::StatusOr<std::shared_ptr<const Catalog>> Catalog::Create(
    const std::vector<const Descriptor*>& descriptors, std::shared_ptr<const CodeSets> code_sets,
    std::shared_ptr<const google::protobuf::DescriptorPool> pool) {
  std::shared_ptr<Catalog> catalog(new Catalog);
  catalog->code_sets_ = std::move(code_sets);
  catalog->pool_ = std::move(pool);
  catalog->messages_.SetDelegateToGeneratedFactory(true);
  for (const Descriptor* const descriptor : descriptors) {
    if (catalog->Find(descriptor->name()) != nullptr) {
      return Wrong(descriptor->name(), "two record types have this name");
    }
    absl::StatusOr<std::vector<Field>> fields =
        RecordTypeReader(*descriptor, *catalog->code_sets_, catalog->empty_sets_).Read();
    if (!fields.ok()) return fields.status();
    std::unique_ptr<RecordType> type(new RecordType);
    type->name_ = descriptor->name();
    type->ed_fi_entity_ = descriptor->options().GetExtension(v1::record).ed_fi_entity();
    type->descriptor_ = descriptor;
    // No annotation makes another one: an operator's type joins nobody.
    type->joins_ids_ = descriptor->full_name() == v1::PersonIdentity::descriptor()->full_name();
    type->prototype_ = catalog->messages_.GetPrototype(descriptor);
    type->fields_ = *std::move(fields);
    type->Index(type->fields_, "");
    type->digest_ = Sha256Digest(type->canonical_text_);
    if (std::none_of(type->leaves_.begin(), type->leaves_.end(),
                     [](const Field* leaf) { return leaf->key && !leaf->optional_in_key; })) {
      return Wrong(descriptor->full_name(), "has no key");
    }
    catalog->types_.push_back(type.get());
    catalog->owned_.push_back(std::move(type));
  }
  std::sort(catalog->types_.begin(), catalog->types_.end(),
            [](const RecordType* a, const RecordType* b) { return a->name() < b->name(); });
  return std::shared_ptr<const Catalog>(std::move(catalog));
}

std::shared_ptr<const Catalog> Catalog::WithOlder(
    std::shared_ptr<const Catalog> current, std::vector<std::shared_ptr<const Catalog>> older) {
  std::shared_ptr<Catalog> catalog(new Catalog);
  catalog->code_sets_ = current->code_sets_;
  catalog->types_ = current->types_;
  catalog->others_ = std::move(older);
  catalog->others_.insert(catalog->others_.begin(), std::move(current));
  return catalog;
}

const RecordType* Catalog::FindVersion(absl::string_view name, absl::string_view digest) const {
  const RecordType* const current = Find(name);
  if (current != nullptr && current->digest() == digest) return current;
  for (const std::shared_ptr<const Catalog>& other : others_) {
    if (const RecordType* const type = other->FindVersion(name, digest)) return type;
  }
  return nullptr;
}

const RecordType* Catalog::Find(absl::string_view name) const {
  for (const RecordType* const type : types_) {
    if (type->name() == name) return type;
  }
  return nullptr;
}

}  // namespace sluice::policy
