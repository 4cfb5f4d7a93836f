#include "policy/mou_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::policy {
namespace {

bool IsTerminated(const MouVersion& v, absl::CivilDay day) {
  return v.terminated_on.has_value() && *v.terminated_on <= day;
}

// Whether it has come into force by that day: what it replaced is superseded for good. One that
// was terminated before its first day never did.
bool HasBegun(const MouVersion& v, absl::CivilDay day) {
  const absl::CivilDay effective = v.mou->term().effective;
  return WasSigned(v) && effective <= day && !IsTerminated(v, effective);
}

MouState Denied(size_t version, absl::CivilDay day, v1::DenialCode code, std::string sentence) {
  return {version, day, code, std::move(sentence)};
}

MouState NotSigned(const std::vector<MouVersion>& versions, size_t version, absl::CivilDay day) {
  return Denied(
      version, day, v1::DENIAL_CODE_NOT_SIGNED,
      absl::StrCat("not signed by ", absl::StrJoin(versions[version].unsigned_parties, ", ")));
}

}  // namespace

bool WasSigned(const MouVersion& version) {
  return version.ever_signed || version.unsigned_parties.empty();
}

MouState StateOf(const std::vector<MouVersion>& versions, absl::Time time) {
  std::optional<size_t> begun, last_signed;
  for (size_t i = versions.size(); i-- > 0 && !begun.has_value();) {
    const MouVersion& v = versions[i];
    if (!last_signed.has_value() && WasSigned(v)) last_signed = i;
    if (HasBegun(v, absl::ToCivilDay(time, v.mou->time_zone()))) begun = i;
  }
  const size_t about = begun.value_or(last_signed.value_or(versions.size() - 1));
  const absl::CivilDay day = absl::ToCivilDay(time, versions[about].mou->time_zone());
  const MouVersion& v = versions[about];
  if (begun.has_value() && !v.over && v.mou->term().Contains(day) && !IsTerminated(v, day)) {
    if (v.suspended) {
      return Denied(about, day, v1::DENIAL_CODE_SUSPENDED, "a party has suspended the MOU");
    }
    if (!v.unsigned_parties.empty()) return NotSigned(versions, about, day);
    return {about, day, std::nullopt, ""};
  }
  if (!last_signed.has_value()) return NotSigned(versions, about, day);

  // What was signed last says why none is in force.
  const MouVersion& last = versions[*last_signed];
  const absl::CivilDay last_day = absl::ToCivilDay(time, last.mou->time_zone());
  if (IsTerminated(last, last_day)) {
    return Denied(
        *last_signed, last_day, v1::DENIAL_CODE_TERMINATED,
        absl::StrCat("a party ended the MOU on ", absl::FormatCivilTime(*last.terminated_on)));
  }
  const CivilPeriod& term = last.mou->term();
  const std::string sentence =
      last_day < term.effective ? absl::StrCat("not before ", absl::FormatCivilTime(term.effective))
                                : absl::StrCat("expired on ", absl::FormatCivilTime(term.expires));
  return Denied(*last_signed, last_day, v1::DENIAL_CODE_OUTSIDE_PERIOD, sentence);
}

}  // namespace sluice::policy
