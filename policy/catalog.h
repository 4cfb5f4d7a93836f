// The catalog: what the gateway knows of each record type, read from its annotations. The rest of
// the gateway knows record types by the catalog alone and never by name.
//
// Immutable; a RecordType lives as long as its Catalog.
#ifndef SLUICE_POLICY_CATALOG_H_
#define SLUICE_POLICY_CATALOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "policy/code_set.h"
#include "policy/field_rule.h"
#include "sluice/v1/catalog.pb.h"

namespace sluice::policy {

// What a rule can stand on; kMessage is what it can't.
enum class FieldKind {
  kString,
  kCode,        // a string of a code set
  kPostalCode,  // a string with canonical form postal_code
  kInteger,     // int32, int64, uint32, uint64 and their kin
  kBool,
  kDate,     // google.type.Date
  kDecimal,  // google.type.Decimal
  kMessage,
};

struct Field {
  int number = 0;
  std::string name;
  std::string path;  // from the record type: "program.program_name"
  FieldKind kind = FieldKind::kMessage;
  google::protobuf::FieldDescriptor::Type type;  // its type on the wire
  bool repeated = false;
  bool packed = false;         // repeated numbers in one length-delimited run
  bool singular_path = false;  // not repeated at any step of its path
  v1::Sensitivity sensitivity = v1::SENSITIVITY_UNSPECIFIED;
  std::vector<v1::Regime> regimes;  // its own, or the record type's
  bool key = false;                 // it, or a message around it, is part of the key
  std::string id_space;             // not empty: it names a subject
  std::string ed_fi_element;
  const CodeSet* code_set = nullptr;  // kCode only; a set the catalog has no values of is empty
  v1::CanonicalForm canonical_form;
  std::vector<FieldRule> floor;
  std::vector<Field> fields;  // of a kMessage, in order of number

  bool names_subject() const { return !id_space.empty(); }
};

class RecordType {
 public:
  RecordType(const RecordType&) = delete;
  RecordType& operator=(const RecordType&) = delete;

  const std::string& name() const { return name_; }
  const google::protobuf::Descriptor& descriptor() const { return *descriptor_; }
  // In order of number.
  const std::vector<Field>& fields() const { return fields_; }
  // By path; nullptr if there is none.
  const Field* Find(absl::string_view path) const;
  // Every scalar at every depth, in order of their paths of numbers.
  const std::vector<const Field*>& leaves() const { return leaves_; }
  // The leaves that name a subject, in the order in which canonical bytes carry them.
  const std::vector<const Field*>& subject_fields() const { return subject_fields_; }
  // The text that `digest` is of: one line a field path, as POLICY says.
  const std::string& canonical_text() const { return canonical_text_; }
  // `sha256:` and 64 hexadecimal digits.
  const std::string& digest() const { return digest_; }

 private:
  friend class Catalog;
  RecordType() = default;
  void Index(const std::vector<Field>& fields, absl::string_view around);

  std::string name_;
  const google::protobuf::Descriptor* descriptor_ = nullptr;
  std::vector<Field> fields_;
  std::vector<const Field*> leaves_;
  std::vector<const Field*> subject_fields_;
  absl::flat_hash_map<std::string, const Field*> by_path_;
  std::string canonical_text_;
  std::string digest_;
};

class Catalog {
 public:
  // Of the record types that Sluice brings, with its code sets.
  static absl::StatusOr<std::shared_ptr<const Catalog>> BuiltIn();
  // Fails on a type without a record annotation, without a key, with a map, a oneof, a cycle, or a
  // scalar without explicit presence.
  static absl::StatusOr<std::shared_ptr<const Catalog>> Create(
      const std::vector<const google::protobuf::Descriptor*>& descriptors,
      std::shared_ptr<const CodeSets> code_sets);

  // nullptr if there is none.
  const RecordType* Find(absl::string_view name) const;
  // In order of name.
  const std::vector<const RecordType*>& types() const { return types_; }
  const CodeSets& code_sets() const { return *code_sets_; }

 private:
  Catalog() = default;

  std::shared_ptr<const CodeSets> code_sets_;
  // Of the code sets that have no file. Nodes stay where they are: fields point to them.
  absl::node_hash_map<std::string, CodeSet> empty_sets_;
  std::vector<std::unique_ptr<RecordType>> owned_;
  std::vector<const RecordType*> types_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CATALOG_H_
