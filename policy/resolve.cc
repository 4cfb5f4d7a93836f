#include "policy/resolve.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/resolve_rows.h"
#include "policy/suggest.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

// A civil day, or nothing where the document has none that could be read.
std::optional<absl::CivilDay> DayOf(const google::type::Date& date) {
  if (date.year() == 0) return std::nullopt;
  return absl::CivilDay(date.year(), date.month(), date.day());
}

std::string DayText(absl::CivilDay day) { return absl::FormatCivilTime(day); }

// Zone names are looked up as files: only what the IANA names look like is.
bool LoadZone(const std::string& name, absl::TimeZone* zone) {
  if (name.empty() || name == "UTC") {
    *zone = absl::UTCTimeZone();
    return true;
  }
  const bool shape = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
  });
  return shape && name[0] != '/' && name != "localtime" && absl::LoadTimeZone(name, zone);
}

class Resolver {
 public:
  Resolver(const MouDocument& document, const Catalog& catalog, Unpinned unpinned)
      : document_(document), mou_(document.mou()), catalog_(catalog), unpinned_(unpinned) {
    for (const v1::Party& party : mou_.parties()) parties_.push_back(party.organization());
    for (const auto& [name, prose] : mou_.purposes()) purposes_.push_back(name);
    std::sort(purposes_.begin(), purposes_.end());
  }

  ResolvedMou Run();

 private:
  void Error(absl::string_view id, absl::string_view path, std::string message,
             std::string hint = "") {
    resolved_.findings.push_back(
        FindingAt(document_, id, Severity::kError, path, std::move(message), std::move(hint)));
  }
  void ResolveTerm();
  // The type as its name is pinned; null, reported, if there is none or it is not to be resolved.
  const RecordType* TypeOf(const std::string& record, absl::string_view path);
  void CheckPin(const std::string& record, absl::string_view path);
  // As the document pins it, be it in use or older; null if it is not held.
  const RecordType* VersionPinned(const std::string& record) const;
  void CheckKnown(absl::string_view what, const std::string& name,
                  const std::vector<std::string>& known, absl::string_view path);
  // `Message` is a Grant or a Prohibition.
  template <typename Message>
  CivilPeriod PeriodOf(const Message& message, absl::string_view path);
  void ResolveGrant(const v1::Grant& grant, const std::string& path);
  void ResolveProhibition(const v1::Prohibition& prohibition, const std::string& path);
  // A field that can be granted; null, reported, if it is none.
  const Field* LeafOf(const RecordType& type, const std::string& name, absl::string_view path);
  std::vector<PlanField> FieldsOf(const v1::Grant& grant, const RecordType& type,
                                  absl::string_view path);
  std::vector<Box::Constraint> RowsOf(
      const google::protobuf::Map<std::string, v1::Constraint>& rows, const RecordType& type,
      absl::string_view path);

  const MouDocument& document_;
  const v1::Mou& mou_;
  const Catalog& catalog_;
  const Unpinned unpinned_;
  std::vector<std::string> parties_;
  std::vector<std::string> purposes_;
  absl::flat_hash_set<std::string> pins_checked_;
  ResolvedMou resolved_;
};

void Resolver::CheckKnown(absl::string_view what, const std::string& name,
                          const std::vector<std::string>& known, absl::string_view path) {
  if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
  Error("P001", path, absl::StrCat("unknown ", what, " \"", name, "\"", DidYouMean(name, known)));
}

void Resolver::ResolveTerm() {
  const auto effective = DayOf(mou_.term().effective()), expires = DayOf(mou_.term().expires());
  if (effective.has_value() && expires.has_value()) {
    resolved_.term = {*effective, *expires};
    if (*effective >= *expires) {
      Error("P003", "term",
            absl::StrCat("period is empty or inverted: effective ", DayText(*effective),
                         ", expires ", DayText(*expires)));
    }
  }
  if (!LoadZone(mou_.term().time_zone(), &resolved_.time_zone)) {
    Error("P035", "term.time_zone",
          absl::StrCat("\"", mou_.term().time_zone(), "\" is no IANA time zone that is known here"),
          "write one like America/Chicago, or remove the key for UTC");
  }
}

template <typename Message>
CivilPeriod Resolver::PeriodOf(const Message& message, absl::string_view path) {
  const CivilPeriod term = resolved_.term;
  if (!message.has_period()) return term;
  const auto effective = DayOf(message.period().effective());
  const auto expires = DayOf(message.period().expires());
  if (!effective.has_value() || !expires.has_value()) return term;
  const std::string period_path = JoinPath(path, "period");
  if (*effective >= *expires) {
    Error("P003", period_path,
          absl::StrCat("period is empty or inverted: effective ", DayText(*effective), ", expires ",
                       DayText(*expires)));
  } else if (*effective < term.effective || *expires > term.expires) {
    Error("P004", period_path,
          absl::StrCat("period reaches outside the term: ", DayText(*effective), "..",
                       DayText(*expires), " is not within ", DayText(term.effective), "..",
                       DayText(term.expires)));
  }
  return {*effective, *expires};
}

void Resolver::CheckPin(const std::string& record, absl::string_view path) {
  if (!pins_checked_.insert(record).second) return;
  if (VersionPinned(record) == nullptr) resolved_.unavailable_types.insert(record);
  const RecordType* type = catalog_.Find(record);
  const auto pin = mou_.catalog().find(record);
  if (pin == mou_.catalog().end()) {
    Error("P023", path, absl::StrCat("type \"", record, "\" is not pinned"),
          absl::StrCat("add to `catalog`: ", record, ": ", type->digest()));
  } else if (type == nullptr) {
    std::vector<std::string> known;
    for (const RecordType* t : catalog_.types()) known.push_back(t->name());
    Error("P023", JoinPath("catalog", record),
          absl::StrCat("type \"", record, "\" is not in the catalog given",
                       DidYouMean(record, known)));
  } else if (pin->second != type->digest()) {
    Error("P023", JoinPath("catalog", record),
          absl::StrCat("the digest of type \"", record, "\" differs from the catalog given"),
          absl::StrCat("it is ", type->digest()));
  }
}

const RecordType* Resolver::VersionPinned(const std::string& record) const {
  const auto pin = mou_.catalog().find(record);
  return pin == mou_.catalog().end() ? nullptr : catalog_.FindVersion(record, pin->second);
}

const RecordType* Resolver::TypeOf(const std::string& record, absl::string_view path) {
  if (record.empty()) return nullptr;
  const RecordType* type = catalog_.Find(record);
  if (type == nullptr && !mou_.catalog().contains(record)) {
    std::vector<std::string> known;
    for (const RecordType* t : catalog_.types()) known.push_back(t->name());
    Error("P001", path, absl::StrCat("unknown record \"", record, "\"", DidYouMean(record, known)));
    return nullptr;
  }
  CheckPin(record, path);
  return unpinned_ == Unpinned::kResolve ? type : VersionPinned(record);
}

const Field* Resolver::LeafOf(const RecordType& type, const std::string& name,
                              absl::string_view path) {
  const Field* field = type.Find(name);
  if (field == nullptr) {
    std::vector<std::string> known;
    for (const Field* leaf : type.leaves()) known.push_back(leaf->path);
    Error("P001", path,
          absl::StrCat("unknown field \"", name, "\" of ", type.name(), DidYouMean(name, known)));
    return nullptr;
  }
  if (field->kind == FieldKind::kMessage) {
    std::vector<std::string> inside;
    for (const Field& child : field->fields) inside.push_back(child.path);
    Error("P032", path,
          absl::StrCat("\"", name, "\" is a message or a map: list the fields inside it"),
          absl::StrJoin(inside, ", "));
    return nullptr;
  }
  if (field->sensitivity == v1::SENSITIVITY_UNSPECIFIED || field->regimes.empty()) {
    Error(
        "P027", path,
        absl::StrCat("field annotation missing in the catalog: \"", name, "\" cannot be granted"));
    return nullptr;
  }
  return field;
}

std::vector<PlanField> Resolver::FieldsOf(const v1::Grant& grant, const RecordType& type,
                                          absl::string_view path) {
  absl::flat_hash_map<const Field*, FieldRule> rules;
  const std::map<std::string, v1::FieldRule> sorted(grant.fields().begin(), grant.fields().end());
  for (const auto& [name, proto] : sorted) {
    const std::string field_path = JoinPath(path, name);
    const Field* field = LeafOf(type, name, field_path);
    // Without a rule it was reported when it was read.
    if (field == nullptr || proto.rule_case() == v1::FieldRule::RULE_NOT_SET) continue;
    const absl::StatusOr<FieldRule> rule = FieldRule::FromProto(proto);
    const absl::Status fits = rule.ok() ? Fits(*rule, *field) : rule.status();
    if (!fits.ok()) {
      Error("P008", field_path,
            absl::StrCat("rule \"", rule.ok() ? rule->ToString() : "generalize",
                         "\" does not fit field \"", name, "\" of kind ", KindName(field->kind)),
            std::string(fits.message()));
      continue;
    }
    if (rule->kind() != FieldRule::Kind::kPass &&
        AtLeastAsStrong(FieldRule::Pass(), *rule, *field)) {
      resolved_.findings.push_back(
          FindingAt(document_, "P008", Severity::kWarning, field_path,
                    absl::StrCat("rule \"", rule->ToString(), "\" on field \"", name,
                                 "\" keeps the whole value"),
                    "write \"pass\" if that is meant"));
    }
    rules.emplace(field, *rule);
  }
  std::vector<PlanField> fields;
  for (const Field* leaf : type.leaves()) {
    if (const auto it = rules.find(leaf); it != rules.end()) fields.push_back({leaf, it->second});
  }
  return fields;
}

std::vector<Box::Constraint> Resolver::RowsOf(
    const google::protobuf::Map<std::string, v1::Constraint>& rows, const RecordType& type,
    absl::string_view path) {
  absl::flat_hash_map<const Field*, ValueSet> sets;
  const std::map<std::string, v1::Constraint> sorted(rows.begin(), rows.end());
  for (const auto& [name, constraint] : sorted) {
    const std::string field_path = JoinPath(path, name);
    const Field* field = LeafOf(type, name, field_path);
    if (field == nullptr) continue;
    ResolvedConstraint resolved = ResolveConstraint(document_, constraint, *field, field_path);
    if (resolved.values.has_value()) sets.emplace(field, *std::move(resolved.values));
    for (Finding& finding : resolved.findings) resolved_.findings.push_back(std::move(finding));
  }
  std::vector<Box::Constraint> constraints;
  for (const Field* leaf : type.leaves()) {
    if (const auto it = sets.find(leaf); it != sets.end()) {
      constraints.push_back({leaf, std::move(it->second)});
    }
  }
  return constraints;
}

void Resolver::ResolveGrant(const v1::Grant& grant, const std::string& path) {
  CheckKnown("organization", grant.from(), parties_, JoinPath(path, "from"));
  for (int i = 0; i < grant.to_size(); ++i) {
    CheckKnown("organization", grant.to(i), parties_, IndexPath(JoinPath(path, "to"), i));
  }
  CheckKnown("purpose", grant.purpose(), purposes_, JoinPath(path, "purpose"));
  CompiledGrant compiled{
      .purpose = grant.purpose(),
      .record_type = grant.record(),
      .to = {grant.to().begin(), grant.to().end()},
      .period = PeriodOf(grant, path),
      .grant = {.name = grant.name(),
                .owner = grant.from(),
                .rows = Box({}, Box::Unset::kExcluded),
                .line = document_.PlaceOf(path).line},
  };
  for (int operation : grant.operations()) {
    compiled.operations.push_back(static_cast<v1::Operation>(operation));
  }
  if (grant.operations().empty()) {
    compiled.operations = {v1::OPERATION_READ, v1::OPERATION_SYNC};
  }
  compiled.type = TypeOf(grant.record(), JoinPath(path, "record"));
  if (compiled.type != nullptr) {
    compiled.grant.rows =
        Box(RowsOf(grant.rows(), *compiled.type, JoinPath(path, "rows")), Box::Unset::kExcluded);
    compiled.grant.fields = FieldsOf(grant, *compiled.type, JoinPath(path, "fields"));
  }
  resolved_.grants.push_back(std::move(compiled));
}

void Resolver::ResolveProhibition(const v1::Prohibition& prohibition, const std::string& path) {
  for (int i = 0; i < prohibition.from_size(); ++i) {
    CheckKnown("organization", prohibition.from(i), parties_, IndexPath(JoinPath(path, "from"), i));
  }
  for (int i = 0; i < prohibition.to_size(); ++i) {
    CheckKnown("organization", prohibition.to(i), parties_, IndexPath(JoinPath(path, "to"), i));
  }
  for (int i = 0; i < prohibition.purposes_size(); ++i) {
    CheckKnown("purpose", prohibition.purposes(i), purposes_,
               IndexPath(JoinPath(path, "purposes"), i));
  }
  CompiledProhibition compiled{
      .to = {prohibition.to().begin(), prohibition.to().end()},
      .purposes = {prohibition.purposes().begin(), prohibition.purposes().end()},
      .record_type = prohibition.record(),
      .period = PeriodOf(prohibition, path),
      .prohibition = {.name = prohibition.name(),
                      .owners = {prohibition.from().begin(), prohibition.from().end()},
                      .rows = Box({}, Box::Unset::kIncluded)},
  };
  const bool names_fields = !prohibition.rows().empty() || !prohibition.fields().empty();
  if (names_fields && prohibition.record().empty()) {
    Error("P014", JoinPath(path, "record"),
          absl::StrCat("missing \"", JoinPath(path, "record"), "\""),
          "`rows` and `fields` name fields of one record type");
  }
  if (const RecordType* type = TypeOf(prohibition.record(), JoinPath(path, "record"))) {
    compiled.prohibition.rows =
        Box(RowsOf(prohibition.rows(), *type, JoinPath(path, "rows")), Box::Unset::kIncluded);
    std::vector<const Field*> fields;
    for (int i = 0; i < prohibition.fields_size(); ++i) {
      const std::string field_path = IndexPath(JoinPath(path, "fields"), i);
      const Field* field = LeafOf(*type, prohibition.fields(i), field_path);
      if (field != nullptr) fields.push_back(field);
    }
    if (!prohibition.fields().empty()) compiled.prohibition.fields = std::move(fields);
  }
  resolved_.prohibitions.push_back(std::move(compiled));
}

ResolvedMou Resolver::Run() {
  ResolveTerm();
  for (int i = 0; i < mou_.grants_size(); ++i) {
    ResolveGrant(mou_.grants(i), IndexPath("grants", i));
  }
  for (int i = 0; i < mou_.prohibitions_size(); ++i) {
    ResolveProhibition(mou_.prohibitions(i), IndexPath("prohibitions", i));
  }
  const std::map<std::string, std::string> pins(mou_.catalog().begin(), mou_.catalog().end());
  for (const auto& [record, digest] : pins) CheckPin(record, JoinPath("catalog", record));
  for (int i = 0; i < mou_.floors_size(); ++i) {
    CheckKnown("purpose", mou_.floors(i).purpose(), purposes_,
               JoinPath(IndexPath("floors", i), "purpose"));
  }
  return std::move(resolved_);
}

}  // namespace

Finding FindingAt(const MouDocument& document, absl::string_view id, Severity severity,
                  absl::string_view path, std::string message, std::string hint) {
  return {std::string(id),   severity,           document.file_name(), document.PlaceOf(path),
          std::string(path), std::move(message), std::move(hint)};
}

ResolvedMou Resolve(const MouDocument& document, const Catalog& catalog, Unpinned unpinned) {
  return Resolver(document, catalog, unpinned).Run();
}

}  // namespace sluice::policy
