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
#include "google/protobuf/dynamic_message.h"
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
  bool optional_in_key = false;     // of a key: it may be absent
  bool required = false;            // its message is refused without it
  std::string id_space;             // not empty: it names a subject
  std::string id_scope;             // not empty: the code beside it that is part of the id
  std::string ed_fi_element;
  const CodeSet* code_set = nullptr;  // kCode only; a set the catalog has no values of is empty
  bool closed = false;                // kCode only: no value but the set's
  v1::CanonicalForm canonical_form;
  std::vector<FieldRule> floor;
  bool withheld = false;      // nothing of its record type can be granted
  bool not_brokered = false;  // a grant that lists it is warned about
  std::vector<Field> fields;  // of a kMessage, in order of number

  bool names_subject() const { return !id_space.empty(); }
};

class RecordType {
 public:
  RecordType(const RecordType&) = delete;
  RecordType& operator=(const RecordType&) = delete;

  const std::string& name() const { return name_; }
  const google::protobuf::Descriptor& descriptor() const { return *descriptor_; }
  // An empty record, to make others of.
  const google::protobuf::Message& prototype() const { return *prototype_; }
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
  const std::string& ed_fi_entity() const { return ed_fi_entity_; }
  // Whether its records say which ids are one subject.
  bool joins_ids() const { return joins_ids_; }

 private:
  friend class Catalog;
  RecordType() = default;
  void Index(const std::vector<Field>& fields, absl::string_view around);

  std::string name_;
  std::string ed_fi_entity_;
  bool joins_ids_ = false;
  const google::protobuf::Descriptor* descriptor_ = nullptr;
  const google::protobuf::Message* prototype_ = nullptr;
  std::vector<Field> fields_;
  std::vector<const Field*> leaves_;
  std::vector<const Field*> subject_fields_;
  absl::flat_hash_map<std::string, const Field*> by_path_;
  std::string canonical_text_;
  std::string digest_;
};

inline constexpr int kMaxFieldDepth = 16;
// Longer names would not fit into the log's entries.
inline constexpr size_t kMaxTypeName = 64;
inline constexpr size_t kMaxFieldPath = 256;
inline constexpr size_t kMaxFieldsOfType = 2048;  // at all depths together

class Catalog {
 public:
  // Of the record types that Sluice brings, with its code sets.
  static absl::StatusOr<std::shared_ptr<const Catalog>> BuiltIn();
  static std::vector<const google::protobuf::Descriptor*> BuiltInTypes();
  // Fails on a type without a record annotation, without a key, with a map, a oneof, a cycle, or a
  // scalar without explicit presence. `pool`: what the descriptors stand in, kept as long as the
  // catalog; null for generated ones.
  static absl::StatusOr<std::shared_ptr<const Catalog>> Create(
      const std::vector<const google::protobuf::Descriptor*>& descriptors,
      std::shared_ptr<const CodeSets> code_sets,
      std::shared_ptr<const google::protobuf::DescriptorPool> pool = nullptr);
  // The same, and the versions of record types that older catalogs had: documents that pin them
  // keep their meaning.
  static std::shared_ptr<const Catalog> WithOlder(
      std::shared_ptr<const Catalog> current, std::vector<std::shared_ptr<const Catalog>> older);

  // The version in use; nullptr if there is none.
  const RecordType* Find(absl::string_view name) const;
  // The version with this digest, in use or older; nullptr if it is not held.
  const RecordType* FindVersion(absl::string_view name, absl::string_view digest) const;
  // In order of name.
  const std::vector<const RecordType*>& types() const { return types_; }
  const CodeSets& code_sets() const { return *code_sets_; }

 private:
  Catalog() = default;

  std::shared_ptr<const CodeSets> code_sets_;
  std::shared_ptr<const google::protobuf::DescriptorPool> pool_;
  google::protobuf::DynamicMessageFactory messages_;    // of types that are not compiled in
  std::vector<std::shared_ptr<const Catalog>> others_;  // whose types are held here, too
  // Of the code sets that have no file. Nodes stay where they are: fields point to them.
  absl::node_hash_map<std::string, CodeSet> empty_sets_;
  std::vector<std::unique_ptr<RecordType>> owned_;
  std::vector<const RecordType*> types_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CATALOG_H_
