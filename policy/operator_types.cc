#include "policy/operator_types.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/stubs/logging.h"

namespace sluice::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

constexpr char kDescriptorSet[] = ".binpb";
constexpr char kCodeSet[] = ".tsv";

absl::Status Wrong(absl::string_view file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", what));
}

// Keeps the first thing that a pool says against a file.
class FirstError : public DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(element, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Takes in one descriptor set after the other, each on top of the built-in files.
class TypesReader {
 public:
  explicit TypesReader(std::shared_ptr<const CodeSets> code_sets)
      : code_sets_(std::move(code_sets)),
        pool_(std::make_shared<DescriptorPool>(DescriptorPool::generated_pool())) {
    for (const Descriptor* const type : Catalog::BuiltInTypes()) {
      types_.push_back(type);
      file_of_.emplace(type->name(), "the built-in types");
    }
  }

  absl::Status Read(const TypesFile& file) {
    google::protobuf::FileDescriptorSet set;
    {
      // Its complaints would go to the standard error, past the log.
      const google::protobuf::LogSilencer silence;
      if (!set.ParseFromString(file.bytes)) return Wrong(file.name, "is no descriptor set");
    }
    std::vector<const Descriptor*> types;
    for (const FileDescriptorProto& proto : set.file()) {
      const absl::Status built = Build(file.name, proto, types);
      if (!built.ok()) return built;
    }
    if (types.empty()) {
      return Wrong(file.name, "has no record type: no message has a (sluice.v1.record) annotation");
    }
    return Check(file.name, types);
  }

  absl::StatusOr<std::shared_ptr<const Catalog>> Finish() const {
    return Catalog::Create(types_, code_sets_, pool_);
  }

 private:
  absl::Status Build(absl::string_view file, const FileDescriptorProto& proto,
                     std::vector<const Descriptor*>& types) {
    // What is built in is as it is here, whatever a set brings under its name.
    if (DescriptorPool::generated_pool()->FindFileByName(proto.name()) != nullptr) {
      return absl::OkStatus();
    }
    std::string bytes = proto.SerializeAsString();
    const auto [known, is_new] = built_.try_emplace(proto.name(), std::move(bytes));
    if (!is_new) {
      if (known->second == proto.SerializeAsString()) return absl::OkStatus();
      return Wrong(file, absl::StrCat(proto.name(), " differs from the one in another file"));
    }
    FirstError error;
    const FileDescriptor* const built = pool_->BuildFileCollectingErrors(proto, &error);
    if (built == nullptr) return Wrong(file, absl::StrCat(proto.name(), ": ", error.text()));
    for (int i = 0; i < built->message_type_count(); ++i) {
      const Descriptor* const message = built->message_type(i);
      if (message->options().HasExtension(v1::record)) types.push_back(message);
    }
    return absl::OkStatus();
  }

  absl::Status Check(absl::string_view file, const std::vector<const Descriptor*>& types) {
    for (const Descriptor* const type : types) {
      const auto [other, is_new] = file_of_.emplace(type->name(), file);
      if (is_new) continue;
      return Wrong(file, absl::StrCat("a record type named ", type->name(), " stands in ",
                                      other->second, ", too"));
    }
    const auto catalog = Catalog::Create(types, code_sets_, pool_);
    if (!catalog.ok()) return Wrong(file, catalog.status().message());
    for (const RecordType* const type : (*catalog)->types()) {
      for (const Field* const leaf : type->leaves()) {
        const auto at = [&](absl::string_view what) {
          return Wrong(file, absl::StrCat(type->name(), ".", leaf->path, ": ", what));
        };
        if (leaf->sensitivity == v1::SENSITIVITY_UNSPECIFIED) {
          return at("no (sluice.v1.field) annotation says its sensitivity");
        }
        if (leaf->code_set != nullptr && leaf->code_set->codes().empty()) {
          return at(absl::StrCat("there is no code set ", leaf->code_set->name()));
        }
      }
    }
    types_.insert(types_.end(), types.begin(), types.end());
    return absl::OkStatus();
  }

  const std::shared_ptr<const CodeSets> code_sets_;
  const std::shared_ptr<DescriptorPool> pool_;
  std::vector<const Descriptor*> types_;
  std::map<std::string, std::string> file_of_;  // a type's, by its name
  std::map<std::string, std::string> built_;    // bytes of the files in the pool, by their name
};

absl::StatusOr<std::shared_ptr<const CodeSets>> AllCodeSets(const std::vector<TypesFile>& files) {
  const absl::StatusOr<std::shared_ptr<const CodeSets>> built_in = CodeSets::BuiltIn();
  if (!built_in.ok()) return built_in.status();
  std::vector<CodeSet> all;
  for (const CodeSet* const set : (*built_in)->all()) all.push_back(*set);
  for (const TypesFile& file : files) {
    if (!absl::EndsWith(file.name, kCodeSet)) continue;
    absl::StatusOr<CodeSet> set = CodeSet::Parse(file.name, file.bytes);
    if (!set.ok()) return set.status();
    for (const CodeSet& other : all) {
      if (other.name() == set->name()) {
        return Wrong(file.name, absl::StrCat("a second code set ", set->name()));
      }
    }
    all.push_back(*std::move(set));
  }
  return CodeSets::Create(std::move(all));
}

}  // namespace

bool IsTypesFileName(absl::string_view name) {
  return !name.empty() && name[0] != '.' &&
         (absl::EndsWith(name, kDescriptorSet) || absl::EndsWith(name, kCodeSet));
}

absl::StatusOr<std::shared_ptr<const Catalog>> CatalogWithTypes(
    const std::vector<TypesFile>& files) {
  for (const TypesFile& file : files) {
    if (!IsTypesFileName(file.name)) return Wrong(file.name, "is no .binpb and no .tsv");
    if (file.bytes.size() > kMaxTypesFileBytes) {
      return Wrong(file.name, absl::StrCat("is larger than ", kMaxTypesFileBytes >> 20, " MiB"));
    }
  }
  absl::StatusOr<std::shared_ptr<const CodeSets>> code_sets = AllCodeSets(files);
  if (!code_sets.ok()) return code_sets.status();
  TypesReader reader(*std::move(code_sets));
  for (const TypesFile& file : files) {
    if (!absl::EndsWith(file.name, kDescriptorSet)) continue;
    const absl::Status read = reader.Read(file);
    if (!read.ok()) return read;
  }
  return reader.Finish();
}

}  // namespace sluice::policy
