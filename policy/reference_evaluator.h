// The meaning of a decision once more, slow and plain: written from the prose, over sets and by
// trying all rows, with nothing of the compiler or of Decide in it. Tests hold the two together.
// Days are counted from the first of July 2026; the values of a row are those that tests use.
#ifndef SLUICE_POLICY_REFERENCE_EVALUATOR_H_
#define SLUICE_POLICY_REFERENCE_EVALUATOR_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::policy::reference {

using Names = std::set<std::string>;

struct Row {
  std::optional<int> year;
  std::optional<std::string> subject;
};

struct Rows {
  std::optional<int> at_least, below;  // of the year
  std::optional<Names> subjects;
};

struct Grant {
  std::string name, from;
  Names to;
  std::string purpose, record;
  Names operations;
  int effective = 0, expires = 0;
  Rows rows;
  Names fields;
};

struct Prohibition {
  std::string name;
  std::optional<Names> from, to, purposes;
  std::optional<std::string> record;
  Rows rows;
  std::optional<Names> fields;
  int effective = 0, expires = 0;
};

struct Version {
  int number = 1;
  Names parties;
  int effective = 0, expires = 0;
  std::vector<Grant> grants;
  std::vector<Prohibition> prohibitions;
  bool ever_signed = true;
  Names not_signed_by;
  bool suspended = false;
  bool over = false;  // no stage goes back
  std::optional<int> terminated_on;
  Names withdrawn;
  std::map<std::string, std::string> rules;  // of a field; "pass" where there is none
};

inline std::string RuleOf(const Version& v, const std::string& field) {
  const auto rule = v.rules.find(field);
  return rule == v.rules.end() ? "pass" : rule->second;
}

using Mous = std::map<std::string, std::vector<Version>>;

struct Asked {
  std::string organization;
  std::optional<std::string> mou;
  std::string purpose, record, operation;
  int day = 0;
};

// What is decided: a code, "PERMIT" with the MOU and its version.
struct Answer {
  std::string code;
  std::string mou;
  const Version* version = nullptr;
};

inline std::vector<Row> AllRows() {
  std::vector<Row> rows;
  for (int year = 2024; year <= 2031; ++year) {
    for (const char* subject : {"", "MATHEMATICS", "PHYSICS", "BIOLOGY", "CHEMISTRY"}) {
      Row row;
      if (year > 2024) row.year = year;
      if (*subject != '\0') row.subject = subject;
      rows.push_back(row);
    }
  }
  return rows;
}

// A constraint in a grant excludes unset; in a prohibition it includes it.
inline bool InRows(const Rows& rows, const Row& row, bool unset_is_in) {
  if (rows.at_least.has_value() || rows.below.has_value()) {
    if (!row.year.has_value() && !unset_is_in) return false;
    if (row.year.has_value() && rows.at_least.has_value() && *row.year < *rows.at_least) {
      return false;
    }
    if (row.year.has_value() && rows.below.has_value() && *row.year >= *rows.below) return false;
  }
  if (!rows.subjects.has_value()) return true;
  if (!row.subject.has_value()) return unset_is_in;
  return rows.subjects->count(*row.subject) > 0;
}

inline bool AllOrHas(const std::optional<Names>& names, const std::string& name) {
  return !names.has_value() || names->count(name) > 0;
}

// Whether a prohibition matches (row, field) of a request on a day.
inline bool Matches(const Prohibition& p, const Asked& asked, const std::string& owner,
                    const Row& row, const std::string& field) {
  return AllOrHas(p.from, owner) && AllOrHas(p.to, asked.organization) &&
         AllOrHas(p.purposes, asked.purpose) && (!p.record || *p.record == asked.record) &&
         p.effective <= asked.day && asked.day < p.expires && InRows(p.rows, row, true) &&
         AllOrHas(p.fields, field);
}

inline bool Prohibited(const Version& v, const Asked& asked, const std::string& owner,
                       const Row& row, const std::string& field) {
  for (const Prohibition& p : v.prohibitions) {
    if (Matches(p, asked, owner, row, field)) return true;
  }
  return false;
}

// Whether prohibitions leave no field of no row of a grant.
inline bool NothingLeft(const Version& v, const Asked& asked, const Grant& grant) {
  for (const Row& row : AllRows()) {
    if (!InRows(grant.rows, row, false)) continue;
    for (const std::string& field : grant.fields) {
      if (!Prohibited(v, asked, grant.from, row, field)) return false;
    }
  }
  return true;
}

// Step 5. On "PERMIT" `kept` holds the grants.
inline std::string Filter(const Version& v, const Asked& asked, std::vector<const Grant*>& kept) {
  std::vector<const Grant*> left;
  for (const Grant& g : v.grants) left.push_back(&g);
  const auto keep = [&](auto holds) {
    std::vector<const Grant*> next;
    for (const Grant* g : left) {
      if (holds(*g)) next.push_back(g);
    }
    left = next;
    return !left.empty();
  };
  if (!keep([&](auto& g) { return g.to.count(asked.organization) > 0; })) return "NOT_A_RECIPIENT";
  if (!keep([&](auto& g) { return g.purpose == asked.purpose; })) return "PURPOSE_NOT_GRANTED";
  if (!keep([&](auto& g) { return g.record == asked.record; })) return "RECORD_NOT_GRANTED";
  if (!keep([&](auto& g) { return g.operations.count(asked.operation) > 0; })) {
    return "OPERATION_NOT_GRANTED";
  }
  if (!keep([&](auto& g) { return g.effective <= asked.day && asked.day < g.expires; })) {
    return "OUTSIDE_PERIOD";
  }
  if (!keep([&](auto& g) { return v.withdrawn.count(g.name) == 0; })) return "WITHDRAWN";
  if (!keep([&](auto& g) { return !NothingLeft(v, asked, g); })) return "PROHIBITED";
  kept = left;
  return "PERMIT";
}

// Steps 3 to 5.
inline Answer Under(const std::string& mou, const std::vector<Version>& versions,
                    const Asked& asked) {
  const Version* last_signed = nullptr;
  const Version* current = nullptr;  // the last that came into force
  for (const Version& v : versions) {
    if (!v.ever_signed) continue;
    last_signed = &v;
    const bool began = v.effective <= asked.day &&
                       (!v.terminated_on.has_value() || *v.terminated_on > v.effective);
    if (began) current = &v;
  }
  if (current != nullptr && !current->over && asked.day < current->expires &&
      (!current->terminated_on.has_value() || asked.day < *current->terminated_on)) {
    if (current->suspended) return {"SUSPENDED", mou, current};
    if (!current->not_signed_by.empty()) return {"NOT_SIGNED", mou, current};
    std::vector<const Grant*> kept;
    return {Filter(*current, asked, kept), mou, current};
  }
  if (last_signed == nullptr) return {"NOT_SIGNED", mou, &versions.back()};
  const bool ended =
      last_signed->terminated_on.has_value() && *last_signed->terminated_on <= asked.day;
  return {ended ? "TERMINATED" : "OUTSIDE_PERIOD", mou, last_signed};
}

// To be a party takes a version that all have signed and that names one; until there is such a
// version of an MOU, to be named by the newest proposal does.
inline bool IsParty(const std::vector<Version>& versions, const std::string& organization) {
  bool by_signed = false, by_proposal = false, any_signed = false;
  for (const Version& v : versions) {
    const bool named = v.parties.count(organization) > 0;
    if (v.ever_signed) any_signed = true;
    if (v.ever_signed && named) by_signed = true;
    if (!v.ever_signed) by_proposal = named;
  }
  return any_signed ? by_signed : by_proposal;
}

inline Answer Evaluate(const Mous& mous, const Asked& asked) {
  Mous own;
  for (const auto& [name, versions] : mous) {
    if (IsParty(versions, asked.organization)) own[name] = versions;
  }
  // `versions` above are copies: answers point into `mous`.
  if (asked.mou.has_value()) {
    if (own.count(*asked.mou) == 0) return {"NO_MOU", "", nullptr};
    return Under(*asked.mou, mous.at(*asked.mou), asked);
  }
  std::vector<Answer> permits;
  for (const auto& [name, versions] : own) {
    const Answer answer = Under(name, mous.at(name), asked);
    if (answer.code == "PERMIT") permits.push_back(answer);
  }
  if (permits.size() == 1) return permits[0];
  if (permits.size() > 1) return {"AMBIGUOUS_MOU", "", nullptr};
  if (own.size() != 1) return {"NO_MOU", "", nullptr};
  return Under(own.begin()->first, mous.at(own.begin()->first), asked);
}

// The fields of a row of an owner that leave under a permitted request.
inline Names Released(const Version& v, const Asked& asked, const std::string& owner,
                      const Row& row) {
  std::vector<const Grant*> kept;
  Filter(v, asked, kept);
  Names released;
  for (const Grant* g : kept) {
    if (g->from != owner || !InRows(g->rows, row, false)) continue;
    for (const std::string& field : g->fields) {
      if (!Prohibited(v, asked, owner, row, field)) released.insert(field);
    }
  }
  return released;
}

}  // namespace sluice::policy::reference

#endif  // SLUICE_POLICY_REFERENCE_EVALUATOR_H_
