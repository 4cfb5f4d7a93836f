#include "client/command/entry_option.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/command/manual.h"
#include "client/command/output.h"
#include "client/command/time_option.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

absl::Status SetTime(const char* option, const std::string& text, absl::Time now,
                     google::protobuf::Timestamp* (v1::EntryFilter::*mutable_time)(),
                     v1::EntryFilter& filter) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<absl::Time> time = ParseMoment(text, now);
  if (!time.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": ", time.status().message()));
  }
  google::protobuf::Timestamp& timestamp = *(filter.*mutable_time)();
  const int64_t seconds = absl::ToUnixSeconds(*time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(*time - absl::FromUnixSeconds(seconds))));
  return absl::OkStatus();
}

absl::StatusOr<v1::DenialCode> CodeOf(const std::string& text) {
  const std::string name = absl::AsciiStrToUpper(text);
  v1::DenialCode code = v1::DENIAL_CODE_UNSPECIFIED;
  if (v1::DenialCode_Parse("DENIAL_CODE_" + name, &code) && code != v1::DENIAL_CODE_UNSPECIFIED) {
    return code;
  }
  std::vector<std::string> names;
  const google::protobuf::EnumDescriptor& codes = *v1::DenialCode_descriptor();
  for (int i = 1; i < codes.value_count(); ++i) {
    names.push_back(ShortName(codes.value(i)->name(), "DENIAL_CODE_"));
  }
  return absl::InvalidArgumentError(absl::StrCat("--code: there is no denial code \"", text, "\"",
                                                 policy::DidYouMean(name, names)));
}

}  // namespace

absl::StatusOr<v1::EntryFilter> FilterOf(const EntryOptions& options, absl::Time now) {
  v1::EntryFilter filter;
  filter.set_organization(options.organization);
  filter.set_principal(options.principal);
  filter.set_mou(options.mou);
  filter.set_purpose(options.purpose);
  filter.set_record_type(options.record_type);
  filter.set_operation(options.operation);
  if (!options.result.empty()) {
    v1::EntryResult result = v1::ENTRY_RESULT_UNSPECIFIED;
    if (!v1::EntryResult_Parse("ENTRY_RESULT_" + absl::AsciiStrToUpper(options.result), &result)) {
      return absl::InvalidArgumentError("--result is PERMIT or DENIAL");
    }
    filter.set_result(result);
  }
  if (!options.code.empty()) {
    const absl::StatusOr<v1::DenialCode> code = CodeOf(options.code);
    if (!code.ok()) return code.status();
    filter.set_code(*code);
  }
  for (const absl::Status& set :
       {SetTime("--since", options.since, now, &v1::EntryFilter::mutable_start_time, filter),
        SetTime("--until", options.until, now, &v1::EntryFilter::mutable_end_time, filter)}) {
    if (!set.ok()) return set;
  }
  return filter;
}

std::vector<CLI::Option*> AddEntryOptions(CLI::App* verb, EntryOptions& options) {
  const char* const group = "Which entries";
  std::vector<CLI::Option*> all;
  const auto add = [&](const char* flag, std::string& value, const char* type_name,
                       const char* description) {
    all.push_back(verb->add_option(flag, value, description)->type_name(type_name)->group(group));
  };
  add("--type", options.type, "NAME",
      "Of this type: decision, disclosure, outcome, mou, read, ...");
  add("--organization", options.organization, kOrganizationValue,
      "That name this organization: the caller's, the owner, a party");
  add("--principal", options.principal, "ID",
      "Of this system (/org/NAME/system/NAME), or of the certificate with this key's SHA-256");
  add("--mou", options.mou, kMouValue, "Under this MOU");
  add("--purpose", options.purpose, kPurposeValue, "For this purpose");
  all.push_back(verb->add_option("--result", options.result, "That ended so")
                    ->check(CLI::IsMember({"PERMIT", "DENIAL"}, CLI::ignore_case))
                    ->group(group));
  add("--code", options.code, "CODE", "Denied with this code: NO_MOU, OUTSIDE_PERIOD, ...");
  add("--record-type", options.record_type, kTypeValue, "Of this record type");
  add("--operation", options.operation, "NAME", "Of this operation or RPC: READ, ListEntries, ...");
  add("--since", options.since, kTimeValue,
      "From this time on: 2027-01-31 (UTC), 2027-01-31T08:00:00Z, or how long ago: 7d, 12h");
  add("--until", options.until, kTimeValue, "Before this time");
  return all;
}

}  // namespace sluice::client
