// Catalogs for tests: of the first message that the text of a FileDescriptorProto declares, T.
#ifndef SLUICE_TESTS_SUPPORT_CATALOG_OF_H_
#define SLUICE_TESTS_SUPPORT_CATALOG_OF_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "google/type/date.pb.h"
#include "gtest/gtest.h"
#include "policy/catalog.h"
#include "policy/code_set.h"

namespace sluice::policy {

class CatalogOf {
 public:
  explicit CatalogOf(const std::string& body,
                     std::shared_ptr<const CodeSets> code_sets = CodeSets::BuiltIn().value()) {
    google::protobuf::FileDescriptorProto date;
    google::type::Date::descriptor()->file()->CopyTo(&date);
    pool_.BuildFile(date);
    google::protobuf::FileDescriptorProto file;
    const std::string text =
        "name: 't.proto' package: 't' syntax: 'proto3' dependency: 'google/type/date.proto' " +
        body;
    if (!google::protobuf::TextFormat::ParseFromString(text, &file)) ADD_FAILURE() << body;
    const google::protobuf::FileDescriptor* const built = pool_.BuildFile(file);
    if (built == nullptr) {
      ADD_FAILURE() << "not a file: " << body;
      return;
    }
    catalog_ = Catalog::Create({built->message_type(0)}, std::move(code_sets));
  }
  const absl::StatusOr<std::shared_ptr<const Catalog>>& result() const { return catalog_; }
  const Catalog& catalog() const { return **catalog_; }
  const RecordType& type() const { return *(*catalog_)->Find("T"); }

 private:
  google::protobuf::DescriptorPool pool_;
  absl::StatusOr<std::shared_ptr<const Catalog>> catalog_;
};

// The message T: an education record, by its key `id`, number 1, and what stands inside.
inline std::string MessageT(const std::string& inside) {
  return "message_type { name: 'T' "
         "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_FERPA } } "
         "field { name: 'id' number: 1 type: TYPE_STRING label: LABEL_OPTIONAL "
         "proto3_optional: true oneof_index: 0 options { [sluice.v1.field] { "
         "sensitivity: SENSITIVITY_DIRECT_IDENTIFIER key: true } } } oneof_decl { name: '_id' } " +
         inside + " }";
}

// A field of T, absent where it is not set: number n, from 2 on and in their order, of this type
// and with this annotation.
inline std::string FieldOfT(const std::string& name, int n, const std::string& type,
                            const std::string& annotation = "sensitivity: SENSITIVITY_PUBLIC") {
  return "field { name: '" + name + "' number: " + std::to_string(n) +
         " label: LABEL_OPTIONAL proto3_optional: true oneof_index: " + std::to_string(n - 1) +
         " " + type +
         (annotation.empty() ? "" : " options { [sluice.v1.field] { " + annotation + " } }") +
         " } oneof_decl { name: '_" + name + "' } ";
}

}  // namespace sluice::policy

#endif  // SLUICE_TESTS_SUPPORT_CATALOG_OF_H_
