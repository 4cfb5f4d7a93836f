#include "policy/kept_catalog.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "sluice/v1/kept_catalog.pb.h"

namespace sluice::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// The file after all that it imports.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
             v1::KeptCatalog& kept) {
  if (!added.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, kept);
  file.CopyTo(kept.add_files());
}

absl::Status Unlike(const RecordType& type, absl::string_view path, absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(type.name(), ".", path, ": ", what, " than in the version in use"));
}

absl::Status CheckField(const RecordType& type, const Field& now, const Field& before);

absl::Status CheckFields(const RecordType& type, const std::vector<Field>& now,
                         const std::vector<Field>& before) {
  for (const Field& old : before) {
    for (const Field& field : now) {
      if (field.number == old.number && field.name != old.name) {
        return Unlike(type, field.path,
                      absl::StrCat("its number, ", field.number, ", is another field's, ", old.path,
                                   ", rather"));
      }
      if (field.number != old.number && field.name == old.name) {
        return Unlike(
            type, field.path,
            absl::StrCat("has another number, ", field.number, " and not ", old.number, ","));
      }
      if (field.number != old.number) continue;
      const absl::Status same = CheckField(type, field, old);
      if (!same.ok()) return same;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckField(const RecordType& type, const Field& now, const Field& before) {
  const auto is_string = [](const Field& field) {
    return field.type == google::protobuf::FieldDescriptor::TYPE_STRING;
  };
  // A string may become a code and back: its bytes are read alike.
  const bool same_kind = now.kind == before.kind || (is_string(now) && is_string(before));
  if (now.type != before.type || !same_kind) return Unlike(type, now.path, "has another type");
  if (now.repeated != before.repeated || now.packed != before.packed) {
    return Unlike(type, now.path, "repeats otherwise");
  }
  if (now.kind == FieldKind::kMessage) return CheckFields(type, now.fields, before.fields);
  return absl::OkStatus();
}

// What makes the key and the subjects of a record, by path.
std::map<std::string, std::string> Identity(const RecordType& type) {
  std::map<std::string, std::string> all;
  for (const Field* const leaf : type.leaves()) {
    if (!leaf->key && !leaf->names_subject()) continue;
    all.emplace(leaf->path, absl::StrCat(leaf->key, leaf->optional_in_key, " ", leaf->id_space, " ",
                                         leaf->id_scope, " ", leaf->canonical_form.fold_case(), " ",
                                         leaf->canonical_form.pad_zeros(), " ",
                                         leaf->canonical_form.postal_code()));
  }
  return all;
}

}  // namespace

std::string Keep(const Catalog& catalog) {
  v1::KeptCatalog kept;
  std::set<const FileDescriptor*> added;
  std::set<std::string> code_sets;
  for (const RecordType* const type : catalog.types()) {
    AddFile(*type->descriptor().file(), added, kept);
    kept.add_record_types(type->descriptor().full_name());
    for (const Field* const leaf : type->leaves()) {
      const CodeSet* const set = leaf->code_set;
      if (set == nullptr || set->text().empty() || !code_sets.insert(set->name()).second) continue;
      kept.add_code_sets(set->text());
    }
  }
  return kept.SerializeAsString();
}

absl::StatusOr<std::shared_ptr<const Catalog>> CatalogFromKept(absl::string_view bytes) {
  const google::protobuf::LogSilencer silence;
  v1::KeptCatalog kept;
  if (!kept.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("a kept catalog can't be read");
  }
  std::vector<CodeSet> sets;
  for (const std::string& text : kept.code_sets()) {
    absl::StatusOr<CodeSet> set = CodeSet::Parse("a kept code set", text);
    if (!set.ok()) return set.status();
    sets.push_back(*std::move(set));
  }
  absl::StatusOr<std::shared_ptr<const CodeSets>> code_sets = CodeSets::Create(std::move(sets));
  if (!code_sets.ok()) return code_sets.status();
  // On nothing: what is built in now is not what it was then.
  const auto pool = std::make_shared<DescriptorPool>();
  for (const google::protobuf::FileDescriptorProto& file : kept.files()) {
    if (pool->BuildFile(file) == nullptr) {
      return absl::DataLossError("a kept catalog's descriptors do not fit together");
    }
  }
  std::vector<const Descriptor*> types;
  for (const std::string& name : kept.record_types()) {
    types.push_back(pool->FindMessageTypeByName(name));
    if (types.back() == nullptr) return absl::DataLossError("a kept catalog lacks a record type");
  }
  return Catalog::Create(types, *std::move(code_sets), pool);
}

absl::Status CheckFollows(const RecordType& now, const RecordType& before) {
  const absl::Status fields = CheckFields(now, now.fields(), before.fields());
  if (!fields.ok()) return fields;
  const std::map<std::string, std::string> is = Identity(now), was = Identity(before);
  for (const auto& [path, text] : was) {
    const auto found = is.find(path);
    if (found == is.end() || found->second != text) {
      return Unlike(now, path, "is otherwise in the key or names another subject");
    }
  }
  for (const auto& [path, text] : is) {
    if (!was.contains(path)) {
      return Unlike(now, path, "is newly in the key or names a subject, rather");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Catalog>> CatalogAfter(std::shared_ptr<const Catalog> current,
                                                            const std::vector<std::string>& kept) {
  std::vector<std::shared_ptr<const Catalog>> older;
  for (const std::string& bytes : kept) {
    absl::StatusOr<std::shared_ptr<const Catalog>> catalog = CatalogFromKept(bytes);
    if (!catalog.ok()) return catalog.status();
    for (const RecordType* const before : (*catalog)->types()) {
      const RecordType* const now = current->Find(before->name());
      if (now == nullptr || now->digest() == before->digest()) continue;
      const absl::Status follows = CheckFollows(*now, *before);
      if (!follows.ok()) return follows;
    }
    older.push_back(*std::move(catalog));
  }
  return Catalog::WithOlder(std::move(current), std::move(older));
}

bool IsKept(const Catalog& catalog, const std::vector<std::string>& kept) {
  std::set<std::pair<std::string, std::string>> versions;
  for (const std::string& bytes : kept) {
    const absl::StatusOr<std::shared_ptr<const Catalog>> older = CatalogFromKept(bytes);
    if (!older.ok()) return false;
    for (const RecordType* const type : (*older)->types()) {
      versions.emplace(type->name(), type->digest());
    }
  }
  for (const RecordType* const type : catalog.types()) {
    if (!versions.contains({type->name(), type->digest()})) return false;
  }
  return true;
}

}  // namespace sluice::policy
