#include "policy/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/mou_state.h"
#include "policy/nearest_grants.h"
#include "policy/plan_index.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {
namespace {

std::string PeriodText(const CivilPeriod& period) {
  return absl::StrCat(absl::FormatCivilTime(period.effective), "..",
                      absl::FormatCivilTime(period.expires));
}

// " (mou.yaml:9)", or " (line 14)" of the grant where there is no document to look in.
std::string PlaceText(const MouDocument* document, absl::string_view path, int line) {
  if (document == nullptr) return absl::StrCat(" (line ", line, ")");
  return absl::StrCat(" (", document->file_name(), ":", document->PlaceOf(path).line, ")");
}

// The part of a grant that a failed condition is about.
std::string PathOfCondition(const v1::Mou& mou, absl::string_view grant, v1::DenialCode code) {
  for (int i = 0; i < mou.grants_size(); ++i) {
    if (mou.grants(i).name() != grant) continue;
    const std::string path = IndexPath("grants", i);
    if (code == v1::DENIAL_CODE_NOT_A_RECIPIENT) return JoinPath(path, "to");
    if (code == v1::DENIAL_CODE_PURPOSE_NOT_GRANTED) return JoinPath(path, "purpose");
    if (code == v1::DENIAL_CODE_RECORD_NOT_GRANTED) return JoinPath(path, "record");
    if (code == v1::DENIAL_CODE_OPERATION_NOT_GRANTED) return JoinPath(path, "operations");
    if (code == v1::DENIAL_CODE_OUTSIDE_PERIOD) {
      return mou.grants(i).has_period() ? JoinPath(path, "period") : "term";
    }
    return path;
  }
  return "";
}

std::string ExplainDenial(const Denial& denial, const MouDocument* document) {
  std::string text = CodeName(denial.code);
  if (denial.nearest.empty()) {
    return denial.explanation.empty() ? text : absl::StrCat(text, ": ", denial.explanation);
  }
  for (const v1::NearestGrant& near : denial.nearest) {
    absl::StrAppend(&text, "; ", near.grant(),
                    near.failed_size() == 1 ? " fails only: " : " fails: ");
    const auto condition = [&](std::string* out, const v1::FailedCondition& failed) {
      absl::StrAppend(out, failed.description());
      if (document == nullptr) return;
      absl::StrAppend(
          out, PlaceText(document, PathOfCondition(document->mou(), near.grant(), failed.code()),
                         near.line()));
    };
    absl::StrAppend(&text, absl::StrJoin(near.failed(), "; and ", condition));
  }
  return text;
}

std::string ExplainPermit(const Permit& permit, const MouDocument* document) {
  const CompiledMou& mou = permit.mou();
  std::string text = absl::StrCat("permit under ", mou.name(), " version ", mou.version(), " (",
                                  mou.document_digest(), ") for ", permit.purpose());
  const absl::string_view grant_break = document == nullptr ? "; " : "\n  ";
  const absl::string_view field_break = document == nullptr ? ", " : "\n    ";
  for (size_t i = 0; i < mou.grants().size(); ++i) {
    const CompiledGrant& grant = mou.grants()[i];
    const std::vector<PlanGrant>& kept = permit.plan().grants;
    const bool used = std::any_of(kept.begin(), kept.end(),
                                  [&](const PlanGrant& g) { return g.name == grant.grant.name; });
    if (!used) continue;
    absl::StrAppend(&text, grant_break, grant.grant.name, " from ", grant.grant.owner,
                    PlaceText(document, IndexPath("grants", i), grant.grant.line), ", ",
                    PeriodText(grant.period), ":");
    absl::string_view separator = document == nullptr ? " " : field_break;
    for (const PlanField& field : grant.grant.fields) {
      absl::StrAppend(&text, separator, field.field->path, " ", field.rule.ToString());
      separator = field_break;
    }
  }
  for (const PlanProhibition& p : permit.plan().prohibitions) {
    absl::StrAppend(&text, grant_break, "but for what \"", p.name, "\" prohibits");
  }
  return text;
}

void SetDate(absl::CivilDay day, google::type::Date& date) {
  date.set_year(static_cast<int>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
}

v1::GrantView ViewOf(const CompiledMou& mou, size_t index) {
  const CompiledGrant& grant = mou.grants()[index];
  v1::GrantView view;
  view.set_mou(mou.name());
  view.set_version(mou.version());
  view.set_grant(grant.grant.name);
  view.set_owner(grant.grant.owner);
  view.set_purpose(grant.purpose);
  if (const auto it = mou.mou().purposes().find(grant.purpose); it != mou.mou().purposes().end()) {
    view.set_purpose_description(it->second);
  }
  view.set_record_type(grant.record_type);
  for (v1::Operation operation : grant.operations) view.add_operations(operation);
  *view.mutable_rows() = mou.mou().grants(static_cast<int>(index)).rows();
  for (const PlanField& field : grant.grant.fields) {
    v1::ReleasedField& released = *view.add_fields();
    released.set_path(field.field->path);
    *released.mutable_rule() = field.rule.ToProto();
  }
  SetDate(grant.period.effective, *view.mutable_effective());
  SetDate(grant.period.expires, *view.mutable_expires());
  view.set_line(grant.grant.line);
  return view;
}

}  // namespace

std::string Explain(const Decision& decision, const MouDocument* document) {
  if (const auto* denial = std::get_if<Denial>(&decision)) return ExplainDenial(*denial, document);
  return ExplainPermit(std::get<Permit>(decision), document);
}

std::vector<v1::GrantView> GrantsTo(const MouSet& mous, absl::string_view organization,
                                    absl::Time time) {
  std::vector<v1::GrantView> views;
  for (const std::string& name : mous.MousOf(organization)) {
    const std::vector<MouVersion>& versions = mous.Versions(name);
    const MouState state = StateOf(versions, time);
    if (state.denial == v1::DENIAL_CODE_NOT_SIGNED) continue;
    const MouVersion& version = versions[state.version];
    const CompiledMou& mou = *version.mou;
    for (size_t i = 0; i < mou.grants().size(); ++i) {
      const CompiledGrant& grant = mou.grants()[i];
      if (std::find(grant.to.begin(), grant.to.end(), organization) == grant.to.end()) continue;
      v1::GrantView view = ViewOf(mou, i);
      view.set_live(!state.denial.has_value() && grant.type != nullptr &&
                    grant.period.Contains(state.day) &&
                    !version.withdrawn_grants.contains(grant.grant.name) &&
                    !WhollyRemoved(mou.prohibitions(), grant, organization, state.day));
      views.push_back(std::move(view));
    }
  }
  return views;
}

}  // namespace sluice::policy
