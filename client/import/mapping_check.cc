// What a mapping's names mean in the catalog.
#include <memory>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/import/mapping.h"
#include "client/import/value_form.h"
#include "client/record_value.h"
#include "google/protobuf/message.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

class MappingCheck {
 public:
  MappingCheck(const Mapping& mapping, const policy::Catalog& catalog)
      : mapping_(mapping), catalog_(catalog) {}

  std::vector<policy::Finding> Run() {
    if (mapping_.record.empty()) return {};
    type_ = catalog_.Find(mapping_.record);
    if (type_ == nullptr) {
      std::vector<std::string> names;
      for (const policy::RecordType* type : catalog_.types()) names.push_back(type->name());
      Report("M010", {}, "record",
             absl::StrCat("there is no record type \"", mapping_.record, "\"",
                          policy::DidYouMean(mapping_.record, names)));
      return std::move(findings_);
    }
    if (!IsTabular(mapping_.format) && mapping_.resource.empty()) {
      Report("M002", {}, "resource",
             "missing \"resource\": which elements of the file are its rows");
    }
    for (const JoinMapping& join : mapping_.joins) {
      if (join.on.empty()) {
        Report("M002", join.place, "joins." + join.name, "a join names the columns it is \"on\"");
      }
      const bool numbered = absl::c_any_of(
          join.on, [](const auto& pair) { return absl::StrContains(pair.second, "{n}"); });
      if (numbered != (join.last > 0)) {
        Report("M019", join.place, "joins." + join.name,
               "\"columns\" of a join are the numbers of {n} in a column that it is \"on\"");
      }
    }
    for (const FieldMapping& field : mapping_.fields) CheckField(field);
    for (const RepeatMapping& repeat : mapping_.repeats) CheckRepeat(repeat);
    CheckKey();
    return std::move(findings_);
  }

 private:
  void Report(absl::string_view id, policy::Place place, std::string path, std::string message,
              std::string hint = "") {
    findings_.push_back({std::string(id), policy::Severity::kError, mapping_.file, place,
                         std::move(path), std::move(message), std::move(hint)});
  }

  // The field at a path within a type; null where it was reported.
  const FieldDescriptor* Resolve(const Descriptor& type, const std::string& path,
                                 policy::Place place, const std::string& where) {
    const Descriptor* at = &type;
    const FieldDescriptor* field = nullptr;
    for (const absl::string_view step : absl::StrSplit(path, '.')) {
      if (field != nullptr && field->is_repeated()) {
        Report("M012", place, where,
               absl::StrCat("\"", field->name(), "\" is repeated: it stands under \"repeat\""));
        return nullptr;
      }
      if (at == nullptr) {
        Report("M011", place, where,
               absl::StrCat("there is nothing inside \"", field->name(), "\""));
        return nullptr;
      }
      field = at->FindFieldByName(std::string(step));
      if (field == nullptr) {
        Report("M011", place, where, std::string(NoSuchField(*at, step).message()));
        return nullptr;
      }
      at = IsStructure(*field) ? field->message_type() : nullptr;
    }
    return field;
  }
  // The same, of a field that takes one value.
  const FieldDescriptor* ResolveLeaf(const Descriptor& type, const FieldMapping& mapped,
                                     const std::string& where) {
    const FieldDescriptor* field = Resolve(type, mapped.field, mapped.place, where);
    if (field == nullptr || !IsStructure(*field)) return field;
    Report("M012", mapped.place, where,
           absl::StrCat(
               "\"", field->name(), "\" is a message: ",
               field->is_repeated() ? "it stands under \"repeat\"" : "name the fields inside it"));
    return nullptr;
  }

  void CheckField(const FieldMapping& mapped) {
    const std::string where = "fields." + mapped.field;
    const FieldDescriptor* field = ResolveLeaf(type_->descriptor(), mapped, where);
    if (field == nullptr) return;
    Take(mapped.field, mapped.place, where);
    CheckValue(mapped.value, field, where, /*numbered=*/false);
    const policy::Field* known = type_->Find(mapped.field);
    if (known != nullptr && known->key && !known->optional_in_key && mapped.value.optional) {
      Report("M014", mapped.value.place, where, "a field of the key can't be optional");
    }
  }

  void CheckRepeat(const RepeatMapping& repeat) {
    const std::string where = "repeat." + repeat.field;
    const FieldDescriptor* field = Resolve(type_->descriptor(), repeat.field, repeat.place, where);
    if (field == nullptr) return;
    if (!field->is_repeated()) {
      Report("M012", repeat.place, where,
             absl::StrCat("\"", field->name(), "\" is not repeated: it stands under \"fields\""));
      return;
    }
    // Several groups of columns may fill one repeated field, one after the other.
    if (repeats_.insert(repeat.field).second) Take(repeat.field, repeat.place, where);
    if (!repeat.join.empty()) CheckJoin(repeat.join, repeat.place, where);
    const bool numbered = repeat.last > 0;
    bool uses_number = !numbered;
    const auto look = [&](const ValueMapping& value) {
      for (const std::string& column : value.columns)
        uses_number |= absl::StrContains(column, "{n}");
      if (value.from.empty()) return;
      Report("M016", value.place, where, "\"from\" stands at the repeat, not inside it");
    };
    if (repeat.when.has_value()) {
      CheckValue(*repeat.when, nullptr, where + ".when", numbered);
      look(*repeat.when);
    }
    std::set<std::string> inside;
    for (const FieldMapping& mapped : repeat.values) {
      look(mapped.value);
      const std::string here = mapped.field.empty() ? where + ".value" : where + "." + mapped.field;
      if (mapped.field.empty() == IsStructure(*field)) {
        Report("M012", mapped.place, here,
               IsStructure(*field)
                   ? absl::StrCat("\"", field->name(), "\" is a message: name its \"fields\"")
                   : absl::StrCat("\"", field->name(), "\" has a \"value\", and no fields"));
        continue;
      }
      const FieldDescriptor* leaf =
          mapped.field.empty() ? field : ResolveLeaf(*field->message_type(), mapped, here);
      if (leaf == nullptr) continue;
      if (!inside.insert(mapped.field).second) ReportTwice(mapped.field, mapped.place, here);
      CheckValue(mapped.value, leaf, here, numbered);
    }
    if (!uses_number) {
      Report("M019", repeat.place, where,
             "no column has {n} in its name, the number of the element",
             "\"Rating{n}\" is Rating1, Rating2, ...");
    }
  }

  void CheckValue(const ValueMapping& value, const FieldDescriptor* field, const std::string& where,
                  bool numbered) {
    if (!value.from.empty()) CheckJoin(value.from, value.place, where);
    if (!value.crosswalk.empty() && mapping_.crosswalks.count(value.crosswalk) == 0) {
      std::vector<std::string> names;
      for (const auto& [name, crosswalk] : mapping_.crosswalks) names.push_back(name);
      Report("M015", value.place, where,
             absl::StrCat("there is no crosswalk \"", value.crosswalk, "\"",
                          policy::DidYouMean(value.crosswalk, names)));
    }
    const bool uses_number =
        absl::StrContains(value.unless, "{n}") ||
        absl::c_any_of(value.columns, [](const auto& c) { return absl::StrContains(c, "{n}"); });
    if (uses_number && !numbered) {
      Report("M019", value.place, where, "{n} stands in a repeat of numbered columns only");
    }
    if (field == nullptr) return;
    if (!value.dates.empty() && !IsDate(*field)) {
      Report("M018", value.place, where, "\"date\" is for a field that is a date");
    }
    if (value.school_year && field->cpp_type() != FieldDescriptor::CPPTYPE_INT32) {
      Report("M018", value.place, where, "\"school_year\" is for a field that is a year");
    }
    if (value.is_constant()) CheckConstant(value, *field, where);
  }
  void CheckConstant(const ValueMapping& value, const FieldDescriptor& field,
                     const std::string& where) {
    const std::unique_ptr<google::protobuf::Message> message(
        type_->prototype()
            .GetReflection()
            ->GetMessageFactory()
            ->GetPrototype(field.containing_type())
            ->New());
    const absl::Status set = SetFromText(*message, field, value.constant);
    if (!set.ok()) Report("M018", value.place, where, absl::StrCat("the constant ", set.message()));
    const policy::Field* leaf = type_->Find(absl::StripPrefix(where, "fields."));
    if (leaf != nullptr && leaf->closed && !leaf->code_set->Contains(value.constant)) {
      Report(
          "M018", value.place, where,
          absl::StrCat("the constant is no value of the closed code set ", leaf->code_set->name()));
    }
  }
  void CheckJoin(const std::string& join, policy::Place place, const std::string& where) {
    std::vector<std::string> names;
    for (const JoinMapping& known : mapping_.joins) {
      if (known.name == join) return;
      names.push_back(known.name);
    }
    Report("M016", place, where,
           absl::StrCat("there is no join \"", join, "\"", policy::DidYouMean(join, names)));
  }

  void Take(const std::string& path, policy::Place place, const std::string& where) {
    if (!taken_.insert(path).second) ReportTwice(path, place, where);
  }
  void ReportTwice(const std::string& path, policy::Place place, const std::string& where) {
    Report("M013", place, where,
           absl::StrCat("\"", path, "\" is mapped twice: a field takes one value"),
           "for names that files give one column at different times: column: [NewName, OldName]");
  }
  void CheckKey() {
    for (const policy::Field* leaf : type_->leaves()) {
      if (!leaf->key || leaf->optional_in_key || taken_.count(leaf->path) > 0) continue;
      Report("M014", {}, "fields",
             absl::StrCat("\"", leaf->path, "\" is part of the key of ", type_->name(),
                          ", and nothing is mapped to it"));
    }
  }

  const Mapping& mapping_;
  const policy::Catalog& catalog_;
  const policy::RecordType* type_ = nullptr;
  std::set<std::string> taken_;
  std::set<std::string> repeats_;
  std::vector<policy::Finding> findings_;
};

}  // namespace

std::vector<policy::Finding> CheckMapping(const Mapping& mapping, const policy::Catalog& catalog) {
  return MappingCheck(mapping, catalog).Run();
}

}  // namespace sluice::client
