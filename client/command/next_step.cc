#include "client/command/next_step.h"

#include <utility>

namespace sluice::client {

absl::string_view NextStep(const absl::Status& status, absl::string_view reason) {
  static constexpr std::pair<absl::string_view, absl::string_view> kSteps[] = {
      {"PRINCIPAL_NOT_PERMITTED",
       "use a certificate of the kind that may ask for this (records: a system's)"},
      {"NO_MOU", "`sluice grant list` shows the MOUs of your organization"},
      {"AMBIGUOUS_MOU", "name one with --mou; `sluice grant list` shows them"},
      {"NOT_SIGNED", "the parties named must sign the document's bytes"},
      {"SUSPENDED", "ask the party that suspended the MOU to lift it"},
      {"TERMINATED", "the MOU has ended: only a new version, signed by all, opens again"},
      {"OUTSIDE_PERIOD", "see the dates with `sluice grant list`"},
      {"CATALOG_UNAVAILABLE", "ask the gateway's operator for the pinned version of the type"},
      {"NOT_A_RECIPIENT", "no grant is to your organization: it takes a new version of the MOU"},
      {"PURPOSE_NOT_GRANTED", "`sluice grant list` shows the purposes that are granted"},
      {"RECORD_NOT_GRANTED", "`sluice grant list` shows the record types that are granted"},
      {"OPERATION_NOT_GRANTED", "`sluice grant list` shows the operations that are granted"},
      {"WITHDRAWN", "the owner took this grant back: it takes a new version of the MOU"},
      {"PROHIBITED", "a prohibition of the MOU stands against it: it takes a new version"},
      {"UNAUTHENTICATED", "check the certificate with `openssl x509 -in FILE -noout -text`"},
      {"REQUEST_ID_REUSED", "choose another request id: this one stood for another request"},
      {"HISTORY_FORGOTTEN",
       "publish the records as they were: what was replaced is kept no longer"},
      {"WITHDRAW_TOO_LARGE", "take it back in parts, the last positions first"},
      {"KEY_IN_USE",
       "`sluice key rotate` gives it a successor; destroy it when `sluice key list` calls it "
       "EMPTY"},
      {"TOO_MANY_KEY_VERSIONS", "rotate when `sluice key list` calls the replaced ones EMPTY"},
      {"KEY_DESTROYED", "its owner can publish the records again"},
      {"DESTRUCTION_UNFINISHED", "tell the gateway's operator, if `sluice key list` still says so"},
      {"ETAG_MISMATCH", "run it again: somebody changed it meanwhile"},
      {"TERMS_CHANGED", "run it again: what holds changed meanwhile"},
      {"NOT_AS_SEALED", "use nothing of it; tell the gateway's operator"},
      {"RESOURCE_EXHAUSTED", "wait, then run it again, or ask the gateway's operator for more"},
      {"AUDIT_UNAVAILABLE", "run it again later; if it lasts, tell the gateway's operator"},
      {"STATE_UNAVAILABLE", "run it again; if it lasts, tell the gateway's operator"},
      {"RECORDS_RETRACTED", "run it again"},
      {"STORE_UNAVAILABLE", "run it again; if it lasts, tell the gateway's operator"},
      {"CLOCK_BEHIND", "run it again later; if it lasts, tell the gateway's operator"},
      {"NOT_FOUND", "check the name, and who asks: what one may not know of looks the same"},
      {"INTERNAL", "tell the gateway's operator the request's id"},
  };
  for (const auto& [code, step] : kSteps) {
    if (code == reason) return step;
  }
  if (!reason.empty()) return "";
  if (absl::IsUnavailable(status)) {
    return "see that the gateway runs, and that --gateway, or the profile's, is its address";
  }
  if (absl::IsDeadlineExceeded(status)) {
    return "run it again; if it lasts, tell the gateway's operator";
  }
  return "";
}

}  // namespace sluice::client
