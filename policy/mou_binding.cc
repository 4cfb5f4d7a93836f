#include "policy/mou_binding.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::policy {
namespace {

constexpr size_t kMaxGrants = 1000;
constexpr size_t kMaxProhibitions = 1000;
constexpr size_t kMaxFields = 256;
constexpr size_t kMaxRows = 6;

// `[a-z][a-z0-9-]{0,62}`, or with '_' in place of '-'.
bool IsName(absl::string_view text, char joiner) {
  if (text.empty() || text.size() > 63 || !absl::ascii_islower(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [joiner](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == joiner;
  });
}

bool IsDigest(absl::string_view text) {
  constexpr absl::string_view kPrefix = "sha256:";
  if (!absl::StartsWith(text, kPrefix) || text.size() != kPrefix.size() + 64) return false;
  const absl::string_view hex = text.substr(kPrefix.size());
  return std::all_of(hex.begin(), hex.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

class MouBinder {
 public:
  explicit MouBinder(YamlBinder& binder) : binder_(binder) {}

  BoundMou Bind(const YamlNode& root);

 private:
  void BindParty(const YamlNode& node, absl::string_view path, v1::Party& party);
  void BindAuthority(const YamlNode& node, absl::string_view path, v1::Authority& authority);
  void BindObligations(const YamlNode& node, v1::Obligations& obligations);
  void BindFloor(const YamlNode& node, absl::string_view path, v1::Floor& floor);
  void BindGrant(const YamlNode& node, absl::string_view path, v1::Grant& grant);
  void BindProhibition(const YamlNode& node, absl::string_view path, v1::Prohibition& prohibition);
  void BindConstraint(const YamlNode& node, absl::string_view path, v1::Constraint& constraint);
  void BindRows(const YamlNode* node, absl::string_view path,
                google::protobuf::Map<std::string, v1::Constraint>& rows);
  // `Span` is Term or Period.
  template <typename Span>
  void BindDates(YamlMapping& map, Span& span);
  void BindPeriod(const YamlNode* node, absl::string_view path, v1::Period& period);

  std::string Name(const YamlNode* node, absl::string_view path, char joiner = '-');
  std::string Prose(const YamlNode* node, absl::string_view path);
  std::string Digest(const YamlNode* node, absl::string_view path);
  void Names(const YamlNode* node, absl::string_view path, char joiner,
             google::protobuf::RepeatedPtrField<std::string>& names);
  std::string ConstraintValue(const YamlNode& node, const std::string& path);
  void CheckLimit(const YamlNode& node, absl::string_view path, size_t limit,
                  absl::string_view what);
  // Each item of a list is bound by `bind(item, path, *list.Add())`, with its place noted.
  template <typename List, typename BindItem>
  void BindList(const YamlNode* node, absl::string_view path, size_t limit, List& list,
                BindItem bind);

  YamlBinder& binder_;
  BoundMou bound_;
};

std::string MouBinder::Name(const YamlNode* node, absl::string_view path, char joiner) {
  constexpr absl::string_view kExpected = "a name (a-z, 0-9, joined by \"-\" or, a purpose, \"_\")";
  if (node == nullptr) return "";
  const std::optional<std::string> text = binder_.String(*node, path);
  if (!text.has_value()) return "";
  if (!IsName(*text, joiner)) {
    binder_.ReportType(*node, path, kExpected);
    return "";
  }
  return *text;
}

std::string MouBinder::Prose(const YamlNode* node, absl::string_view path) {
  return node == nullptr ? "" : binder_.Prose(*node, path).value_or("");
}

std::string MouBinder::Digest(const YamlNode* node, absl::string_view path) {
  if (node == nullptr) return "";
  const std::optional<std::string> text = binder_.String(*node, path);
  if (!text.has_value()) return "";
  if (!IsDigest(*text)) {
    binder_.ReportType(*node, path, "\"sha256:\" and 64 hexadecimal digits");
    return "";
  }
  return *text;
}

void MouBinder::CheckLimit(const YamlNode& node, absl::string_view path, size_t limit,
                           absl::string_view what) {
  if (node.children.size() <= limit) return;
  binder_.Report(binder_.ids().subset, node.place, path,
                 absl::StrCat("not in the YAML subset: more than ", limit, " ", what));
}

template <typename List, typename BindItem>
void MouBinder::BindList(const YamlNode* node, absl::string_view path, size_t limit, List& list,
                         BindItem bind) {
  if (node == nullptr) return;
  CheckLimit(*node, path, limit, path);
  const std::vector<YamlNode>& items = binder_.Items(*node, path);
  for (size_t i = 0; i < std::min(items.size(), limit); ++i) {
    const std::string item_path = IndexPath(path, i);
    binder_.NotePlace(item_path, items[i].place);
    bind(items[i], item_path, *list.Add());
  }
}

void MouBinder::Names(const YamlNode* node, absl::string_view path, char joiner,
                      google::protobuf::RepeatedPtrField<std::string>& names) {
  BindList(node, path, kMaxGrants, names,
           [&](const YamlNode& item, const std::string& item_path, std::string& name) {
             name = Name(&item, item_path, joiner);
           });
}

template <typename Span>
void MouBinder::BindDates(YamlMapping& map, Span& span) {
  const auto bind = [&](const char* key, google::type::Date& date) {
    const YamlNode* node = map.Require(key);
    if (node == nullptr) return;
    const std::optional<absl::CivilDay> day = binder_.Date(*node, map.PathOf(key));
    if (!day.has_value()) return;
    date.set_year(static_cast<int>(day->year()));
    date.set_month(day->month());
    date.set_day(day->day());
  };
  bind("effective", *span.mutable_effective());
  bind("expires", *span.mutable_expires());
}

void MouBinder::BindPeriod(const YamlNode* node, absl::string_view path, v1::Period& period) {
  YamlMapping map(binder_, *node, path, {"effective", "expires"});
  BindDates(map, period);
}

void MouBinder::BindParty(const YamlNode& node, absl::string_view path, v1::Party& party) {
  YamlMapping map(binder_, node, path, {"organization", "signatory_ca"});
  party.set_organization(Name(map.Require("organization"), map.PathOf("organization")));
  party.set_signatory_ca(
      Digest(map.Require("signatory_ca", "the digest that `sluice pki init` prints"),
             map.PathOf("signatory_ca")));
}

void MouBinder::BindAuthority(const YamlNode& node, absl::string_view path,
                              v1::Authority& authority) {
  YamlMapping map(binder_, node, path, {"basis", "citation", "representative"});
  if (const YamlNode* n = map.Require("basis")) {
    authority.set_basis(static_cast<v1::Basis>(
        BindEnum(binder_, *n, map.PathOf("basis"), *v1::Basis_descriptor(), "BASIS_")));
  }
  authority.set_citation(Prose(map.Require("citation"), map.PathOf("citation")));
  authority.set_representative(Prose(map.Find("representative"), map.PathOf("representative")));
}

void MouBinder::BindObligations(const YamlNode& node, v1::Obligations& obligations) {
  constexpr int kMostDays = 36500;
  YamlMapping map(binder_, node, "obligations",
                  {"destroy_within_days", "redisclosure", "redisclose_to"});
  if (const YamlNode* n = map.Require("destroy_within_days")) {
    const std::string path = map.PathOf("destroy_within_days");
    obligations.set_destroy_within_days(
        static_cast<int>(binder_.Integer(*n, path, 0, kMostDays).value_or(0)));
  }
  if (const YamlNode* n = map.Require("redisclosure")) {
    obligations.set_redisclosure(static_cast<v1::Redisclosure>(BindEnum(
        binder_, *n, map.PathOf("redisclosure"), *v1::Redisclosure_descriptor(), "REDISCLOSURE_")));
  }
  const bool listed = obligations.redisclosure() == v1::REDISCLOSURE_LISTED;
  const YamlNode* to = listed ? map.Require("redisclose_to") : map.Find("redisclose_to");
  if (to != nullptr && !listed) {
    binder_.Report(binder_.ids().type, to->key_place, map.PathOf("redisclose_to"),
                   "\"redisclose_to\" stands with redisclosure LISTED only");
  }
  Names(to, map.PathOf("redisclose_to"), '-', *obligations.mutable_redisclose_to());
}

void MouBinder::BindFloor(const YamlNode& node, absl::string_view path, v1::Floor& floor) {
  YamlMapping map(binder_, node, path, {"sensitivity", "purpose", "at_least"});
  if (const YamlNode* n = map.Require("sensitivity")) {
    floor.set_sensitivity(static_cast<v1::Sensitivity>(BindEnum(
        binder_, *n, map.PathOf("sensitivity"), *v1::Sensitivity_descriptor(), "SENSITIVITY_")));
  }
  floor.set_purpose(Name(map.Find("purpose"), map.PathOf("purpose"), '_'));
  BindList(map.Require("at_least"), map.PathOf("at_least"), kMaxFields, *floor.mutable_at_least(),
           [&](const YamlNode& item, const std::string& item_path, v1::FieldRule& rule) {
             rule = BindFieldRule(binder_, item, item_path);
           });
}

std::string MouBinder::ConstraintValue(const YamlNode& node, const std::string& path) {
  if (node.style == YamlNode::Style::kQuoted) bound_.quoted.insert(path);
  return binder_.String(node, path).value_or("");
}

void MouBinder::BindConstraint(const YamlNode& node, absl::string_view path,
                               v1::Constraint& constraint) {
  YamlMapping map(binder_, node, path, {"in", "at_least", "below"});
  const YamlNode* at_least = map.Find("at_least");
  const YamlNode* below = map.Find("below");
  const YamlNode* in = map.Find("in");
  if (map.ok() && (in != nullptr) == (at_least != nullptr || below != nullptr)) {
    binder_.ReportType(node, path, "one set {in: [...]} or one interval {at_least, below}");
  }
  BindList(in, map.PathOf("in"), std::numeric_limits<size_t>::max(), *constraint.mutable_in(),
           [&](const YamlNode& item, const std::string& item_path, std::string& value) {
             value = ConstraintValue(item, item_path);
           });
  if (at_least != nullptr) {
    constraint.set_at_least(ConstraintValue(*at_least, map.PathOf("at_least")));
  }
  if (below != nullptr) constraint.set_below(ConstraintValue(*below, map.PathOf("below")));
}

void MouBinder::BindRows(const YamlNode* node, absl::string_view path,
                         google::protobuf::Map<std::string, v1::Constraint>& rows) {
  if (node == nullptr) return;
  CheckLimit(*node, path, kMaxRows, "fields in \"rows\"");
  for (const YamlNode* entry : binder_.Entries(*node, path)) {
    BindConstraint(*entry, JoinPath(path, entry->key), rows[entry->key]);
  }
}

void MouBinder::BindGrant(const YamlNode& node, absl::string_view path, v1::Grant& grant) {
  YamlMapping map(binder_, node, path,
                  {"name", "from", "to", "purpose", "record", "rows", "fields", "release", "period",
                   "operations"});
  grant.set_name(Name(map.Require("name"), map.PathOf("name")));
  grant.set_from(Name(map.Require("from"), map.PathOf("from")));
  Names(map.Require("to"), map.PathOf("to"), '-', *grant.mutable_to());
  grant.set_purpose(Name(map.Require("purpose"), map.PathOf("purpose"), '_'));
  if (const YamlNode* n = map.Require("record")) {
    grant.set_record(binder_.Plain(*n, map.PathOf("record"), "a record type").value_or(""));
  }
  BindRows(map.Find("rows"), map.PathOf("rows"), *grant.mutable_rows());
  if (const YamlNode* n = map.Require("fields")) {
    const std::string fields_path = map.PathOf("fields");
    CheckLimit(*n, fields_path, kMaxFields, "fields in a grant");
    for (const YamlNode* entry : binder_.Entries(*n, fields_path)) {
      (*grant.mutable_fields())[entry->key] =
          BindFieldRule(binder_, *entry, JoinPath(fields_path, entry->key));
    }
  }
  if (const YamlNode* n = map.Find("release")) {
    binder_.Report("P029", n->key_place, map.PathOf("release"),
                   "release rule is not available in this version of Sluice",
                   "nothing leaves under a release rule that is not enforced: remove the rule");
  }
  if (const YamlNode* n = map.Find("period")) {
    BindPeriod(n, map.PathOf("period"), *grant.mutable_period());
  }
  const YamlNode* operations = map.Find("operations");
  if (operations == nullptr) return;
  const std::string operations_path = map.PathOf("operations");
  const std::vector<YamlNode>& items = binder_.Items(*operations, operations_path);
  // An empty list is not an absent one: it grants nothing, and nobody means it.
  if (operations->kind == YamlNode::Kind::kSequence && items.empty()) {
    binder_.ReportType(*operations, operations_path, "a list of READ and SYNC");
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string item_path = IndexPath(operations_path, i);
    binder_.NotePlace(item_path, items[i].place);
    const auto operation = static_cast<v1::Operation>(
        BindEnum(binder_, items[i], item_path, *v1::Operation_descriptor(), "OPERATION_"));
    if (operation == v1::OPERATION_TABULATE) {
      binder_.Report("P029", items[i].place, item_path,
                     "operation \"TABULATE\" is not available in this version of Sluice");
    } else {
      grant.add_operations(operation);
    }
  }
}

void MouBinder::BindProhibition(const YamlNode& node, absl::string_view path,
                                v1::Prohibition& prohibition) {
  YamlMapping map(
      binder_, node, path,
      {"name", "reason", "from", "to", "purposes", "record", "rows", "fields", "period"});
  prohibition.set_name(Name(map.Require("name"), map.PathOf("name")));
  prohibition.set_reason(Prose(map.Require("reason"), map.PathOf("reason")));
  // An axis that is written and empty would silently mean "all".
  for (const char* axis : {"from", "to", "purposes", "rows", "fields"}) {
    const YamlNode* n = map.Find(axis);
    const bool collection = n != nullptr && (n->kind == YamlNode::Kind::kSequence ||
                                             n->kind == YamlNode::Kind::kMapping);
    if (collection && n->children.empty()) {
      binder_.Report(binder_.ids().type, n->place, map.PathOf(axis),
                     absl::StrCat("\"", axis, "\" is empty"),
                     "name what is prohibited, or remove the key to say all");
    }
  }
  Names(map.Find("from"), map.PathOf("from"), '-', *prohibition.mutable_from());
  Names(map.Find("to"), map.PathOf("to"), '-', *prohibition.mutable_to());
  Names(map.Find("purposes"), map.PathOf("purposes"), '_', *prohibition.mutable_purposes());
  if (const YamlNode* n = map.Find("record")) {
    prohibition.set_record(binder_.Plain(*n, map.PathOf("record"), "a record type").value_or(""));
  }
  BindRows(map.Find("rows"), map.PathOf("rows"), *prohibition.mutable_rows());
  BindList(map.Find("fields"), map.PathOf("fields"), kMaxFields, *prohibition.mutable_fields(),
           [&](const YamlNode& item, const std::string& item_path, std::string& field) {
             field = binder_.Plain(item, item_path, "a field's path").value_or("");
           });
  if (const YamlNode* n = map.Find("period")) {
    BindPeriod(n, map.PathOf("period"), *prohibition.mutable_period());
  }
}

BoundMou MouBinder::Bind(const YamlNode& root) {
  constexpr int kMostVersions = 1000000;
  constexpr size_t kMaxItems = 1000;
  v1::Mou& mou = bound_.mou;
  YamlMapping map(binder_, root, "",
                  {"mou", "version", "title", "catalog", "parties", "authority", "term", "purposes",
                   "obligations", "floors", "grants", "tables", "prohibitions"});
  mou.set_mou(Name(map.Require("mou"), "mou"));
  if (const YamlNode* n = map.Require("version")) {
    mou.set_version(static_cast<int>(binder_.Integer(*n, "version", 1, kMostVersions).value_or(0)));
  }
  mou.set_title(Prose(map.Require("title"), "title"));
  if (const YamlNode* n = map.Find("catalog")) {
    for (const YamlNode* entry : binder_.Entries(*n, "catalog")) {
      (*mou.mutable_catalog())[entry->key] = Digest(entry, JoinPath("catalog", entry->key));
    }
  }
  BindList(map.Require("parties"), "parties", kMaxItems, *mou.mutable_parties(),
           [&](auto& item, auto& path, auto& party) { BindParty(item, path, party); });
  BindList(map.Require("authority"), "authority", kMaxItems, *mou.mutable_authority(),
           [&](auto& item, auto& path, auto& authority) { BindAuthority(item, path, authority); });
  if (const YamlNode* n = map.Require("term")) {
    YamlMapping term(binder_, *n, "term", {"effective", "expires", "time_zone"});
    BindDates(term, *mou.mutable_term());
    if (const YamlNode* zone = term.Find("time_zone")) {
      mou.mutable_term()->set_time_zone(binder_.String(*zone, "term.time_zone").value_or(""));
    }
  }
  if (const YamlNode* n = map.Require("purposes")) {
    for (const YamlNode* entry : binder_.Entries(*n, "purposes")) {
      const std::string path = JoinPath("purposes", entry->key);
      if (!IsName(entry->key, '_')) {
        binder_.Report(binder_.ids().type, entry->key_place, path,
                       absl::StrCat("\"", entry->key, "\" is no name of a purpose"),
                       "a-z, 0-9 and \"_\", a letter first, at most 63");
        continue;
      }
      (*mou.mutable_purposes())[entry->key] = Prose(entry, path);
    }
  }
  if (const YamlNode* n = map.Require("obligations")) {
    BindObligations(*n, *mou.mutable_obligations());
  }
  BindList(map.Find("floors"), "floors", kMaxItems, *mou.mutable_floors(),
           [&](auto& item, auto& path, auto& floor) { BindFloor(item, path, floor); });
  BindList(map.Find("grants"), "grants", kMaxGrants, *mou.mutable_grants(),
           [&](auto& item, auto& path, auto& grant) { BindGrant(item, path, grant); });
  if (const YamlNode* n = map.Find("tables")) {
    binder_.Report("P029", n->key_place, "tables",
                   "tables are not available in this version of Sluice");
  }
  BindList(map.Require("prohibitions", "write \"prohibitions: []\" where there are none"),
           "prohibitions", kMaxProhibitions, *mou.mutable_prohibitions(),
           [&](auto& item, auto& path, auto& p) { BindProhibition(item, path, p); });
  return std::move(bound_);
}

}  // namespace

BoundMou BindMou(YamlBinder& binder, const YamlNode& root) { return MouBinder(binder).Bind(root); }

}  // namespace sluice::policy
