#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/checks.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

class DocumentChecker {
 public:
  explicit DocumentChecker(const MouDocument& document)
      : document_(document), mou_(document.mou()) {}

  std::vector<Finding> Run();

 private:
  void Add(absl::string_view id, Severity severity, absl::string_view path, std::string message,
           std::string hint = "") {
    findings_.push_back(
        FindingAt(document_, id, severity, path, std::move(message), std::move(hint)));
  }
  // `path_of(i)` gives the i-th name's path; an empty name was reported when it was read.
  template <typename Names, typename PathOf>
  void CheckOnce(const Names& names, PathOf path_of);
  void CheckNotEmpty(bool empty, absl::string_view path, absl::string_view hint);
  void CheckLists();
  void CheckUse();
  void CheckAuthority();

  const MouDocument& document_;
  const v1::Mou& mou_;
  std::vector<Finding> findings_;
};

template <typename Names, typename PathOf>
void DocumentChecker::CheckOnce(const Names& names, PathOf path_of) {
  std::map<std::string, int> first;
  for (int i = 0; i < static_cast<int>(names.size()); ++i) {
    if (names[i].empty()) continue;
    const auto [it, added] = first.try_emplace(names[i], i);
    if (added) continue;
    Add("P002", Severity::kError, path_of(i),
        absl::StrCat("duplicate name \"", names[i], "\", first at line ",
                     document_.PlaceOf(path_of(it->second)).line));
  }
}

void DocumentChecker::CheckNotEmpty(bool empty, absl::string_view path, absl::string_view hint) {
  if (!empty) return;
  // Where the key itself is missing, that was said when the document was read.
  const bool written = document_.PlaceOf(path).column > 1 || document_.well_formed();
  if (!written) return;
  Add("P014", Severity::kError, path, absl::StrCat("missing: \"", path, "\" is empty"),
      std::string(hint));
}

void DocumentChecker::CheckLists() {
  std::vector<std::string> parties, grants, prohibitions;
  for (const v1::Party& p : mou_.parties()) parties.push_back(p.organization());
  for (const v1::Grant& g : mou_.grants()) grants.push_back(g.name());
  for (const v1::Prohibition& p : mou_.prohibitions()) prohibitions.push_back(p.name());
  const auto path_in = [](absl::string_view list, absl::string_view key) {
    return [list, key](int i) { return JoinPath(IndexPath(list, i), key); };
  };
  CheckOnce(parties, path_in("parties", "organization"));
  CheckOnce(grants, path_in("grants", "name"));
  CheckOnce(prohibitions, path_in("prohibitions", "name"));
  for (int i = 0; i < mou_.grants_size(); ++i) {
    const std::string to = JoinPath(IndexPath("grants", i), "to");
    CheckOnce(mou_.grants(i).to(), [&](int j) { return IndexPath(to, j); });
    CheckNotEmpty(mou_.grants(i).to().empty(), to, "name the recipients");
  }
  for (int i = 0; i < mou_.floors_size(); ++i) {
    CheckNotEmpty(mou_.floors(i).at_least().empty(), JoinPath(IndexPath("floors", i), "at_least"),
                  "list the weakest rules that are allowed");
  }
  CheckNotEmpty(mou_.parties().empty(), "parties", "list who signs");
  CheckNotEmpty(mou_.authority().empty(), "authority", "state the legal basis of each regime");
}

void DocumentChecker::CheckUse() {
  std::set<std::string> used;
  std::set<std::string> purposes;
  for (const v1::Grant& grant : mou_.grants()) {
    used.insert(grant.from());
    used.insert(grant.to().begin(), grant.to().end());
    purposes.insert(grant.purpose());
  }
  for (int i = 0; i < mou_.parties_size(); ++i) {
    const std::string& party = mou_.parties(i).organization();
    if (party.empty() || used.contains(party)) continue;
    Add("P011", Severity::kWarning, IndexPath("parties", i),
        absl::StrCat("party \"", party, "\" is used by no grant"));
  }
  for (const auto& [name, prose] : mou_.purposes()) {
    if (purposes.contains(name)) continue;
    Add("P011", Severity::kWarning, JoinPath("purposes", name),
        absl::StrCat("purpose \"", name, "\" is used by no grant"));
  }
}

void DocumentChecker::CheckAuthority() {
  std::map<v1::Regime, int> first;
  for (int i = 0; i < mou_.authority_size(); ++i) {
    const v1::Authority& authority = mou_.authority(i);
    if (authority.basis() == v1::BASIS_UNSPECIFIED) continue;
    absl::string_view basis = v1::Basis_Name(authority.basis());
    absl::ConsumePrefix(&basis, "BASIS_");
    const std::string path = IndexPath("authority", i);
    const bool needs = authority.basis() == v1::BASIS_FERPA_AUDIT_OR_EVALUATION;
    if (needs == authority.representative().empty()) {
      Add("P031", Severity::kError, JoinPath(path, "representative"),
          absl::StrCat("representative is ", needs ? "missing" : "needless", " for basis ", basis));
    }
    const v1::Regime regime = MeaningOf(authority.basis()).regime;
    const auto [it, added] = first.try_emplace(regime, i);
    if (added) continue;
    absl::string_view regime_name = v1::Regime_Name(regime);
    absl::ConsumePrefix(&regime_name, "REGIME_");
    Add("P030", Severity::kError, JoinPath(path, "basis"),
        absl::StrCat("two bases in `authority` cover the regime ", regime_name,
                     ", the first at line ",
                     document_.PlaceOf(JoinPath(IndexPath("authority", it->second), "basis")).line),
        "state one basis for each regime");
  }
}

std::vector<Finding> DocumentChecker::Run() {
  CheckLists();
  CheckUse();
  CheckAuthority();
  return std::move(findings_);
}

}  // namespace

BasisMeaning MeaningOf(v1::Basis basis) {
  switch (basis) {
    case v1::BASIS_FERPA_CONSENT:
    case v1::BASIS_FERPA_SCHOOL_OFFICIAL:
    case v1::BASIS_FERPA_OTHER_SCHOOL:
    case v1::BASIS_FERPA_AUDIT_OR_EVALUATION:
    case v1::BASIS_FERPA_STUDIES:
    case v1::BASIS_FERPA_DIRECTORY_INFORMATION:
      return {v1::REGIME_FERPA, false};
    case v1::BASIS_FERPA_DEIDENTIFIED:
      return {v1::REGIME_FERPA, true};
    case v1::BASIS_STATE_PERSONNEL_LAW:
    case v1::BASIS_STATE_EDUCATOR_REPORTING:
      return {v1::REGIME_PERSONNEL, false};
    case v1::BASIS_PERSONNEL_DEIDENTIFIED:
      return {v1::REGIME_PERSONNEL, true};
    case v1::BASIS_PUBLIC_RECORD:
      return {v1::REGIME_PUBLIC, false};
    case v1::BASIS_UNSPECIFIED:
    case v1::Basis_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Basis_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return {};
}

std::vector<Finding> CheckDocument(const MouDocument& document) {
  return DocumentChecker(document).Run();
}

}  // namespace sluice::policy
