// What an outsider learns of an error. A status that may leave the gateway is made here, with its
// stable reason and google.rpc details as payloads; any other becomes a plain INTERNAL
// (UNAVAILABLE, if that is its code), so that no sentence about the gateway's inside gets out by
// accident.
#ifndef SLUICE_SERVER_ERROR_H_
#define SLUICE_SERVER_ERROR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "policy/finding.h"
#include "sluice/v1/decision.pb.h"

namespace sluice::server {

// PERMISSION_DENIED, with the denial's code as the reason and its nearest grants.
absl::Status Denied(const v1::Decision& decision);
// UNAUTHENTICATED: no single valid identity.
absl::Status Unauthenticated(absl::string_view sentence);
// INVALID_ARGUMENT: one field of the request is wrong.
absl::Status Invalid(absl::string_view field, absl::string_view description);
// NOT_FOUND, alike for what is not there and what the caller may not see.
absl::Status NotFound(absl::string_view what);
// ALREADY_EXISTS: the request id stands for other content.
absl::Status RequestIdReused();
// FAILED_PRECONDITION: what a withdraw would put back is kept no longer.
absl::Status HistoryForgotten(absl::string_view sentence);
// FAILED_PRECONDITION: one withdraw can't take so much back.
absl::Status WithdrawTooLarge(absl::string_view sentence);
// FAILED_PRECONDITION: one change can't make or part so many joined ids.
absl::Status JoinTooLarge(absl::string_view sentence);
// ALREADY_EXISTS: there is one of this name.
absl::Status AlreadyExists(absl::string_view what);
// INVALID_ARGUMENT: what `check` finds wrong with a document; as many of the findings as there is
// room for.
absl::Status MouNotAccepted(const std::vector<policy::Finding>& findings);
// FAILED_PRECONDITION: a document is well made, and is not the MOU's next version.
absl::Status MouOutOfTurn(const std::vector<policy::Finding>& findings);
// ALREADY_EXISTS: others have an MOU of this name.
absl::Status MouNameTaken();
// FAILED_PRECONDITION: no version was signed by all yet, so there is nothing to do this to.
absl::Status MouNotSigned();
// FAILED_PRECONDITION: nothing is to be destroyed yet, or not by this organization.
absl::Status NoObligation();
// FAILED_PRECONDITION: every version of the MOU has ended.
absl::Status MouOver();
// FAILED_PRECONDITION: the caller's organization has not suspended the MOU.
absl::Status NotSuspended();
// FAILED_PRECONDITION: the MOU ends earlier, on this day.
absl::Status TerminationFinal(absl::string_view day);
// ABORTED: what the caller looked at has changed since.
absl::Status EtagMismatch();
// ABORTED: a page token is of another person, or of one whose ids were joined or parted since.
absl::Status SubjectChanged();
// FAILED_PRECONDITION: records name the person who is to be erased.
absl::Status SubjectHasRecords();
// FAILED_PRECONDITION: the configuration file has this organization, and alone changes it.
absl::Status StandsInConfiguration(absl::string_view organization);
// FAILED_PRECONDITION: what this version of a key sealed can't be read any more.
absl::Status KeyDestroyed(absl::string_view version);
// FAILED_PRECONDITION: so many rows would become unreadable, or what is written next.
absl::Status KeyInUse(absl::string_view version, int64_t rows);
// FAILED_PRECONDITION: so many versions of a key still seal something that it gets no other yet, or
// it had so many that it never gets one.
absl::Status TooManyKeyVersions(absl::string_view key, int sealing, int ever);
// RESOURCE_EXHAUSTED: what a version seals is counted for the same owner, or will be.
absl::Status KeyCountUnderWay();
// UNAVAILABLE: it is in the log, and the key store did not follow yet.
absl::Status DestructionUnfinished(absl::string_view version);
// FAILED_PRECONDITION: there are as many as a gateway takes.
absl::Status TooManyOrganizations(size_t most);
// RESOURCE_EXHAUSTED: a quota. `retry_after` absent: waiting does not help.
absl::Status Exhausted(absl::string_view quota, std::optional<absl::Duration> retry_after);
// UNAVAILABLE: the log can't be written. Nothing was disclosed, nothing changed.
absl::Status AuditUnavailable();
// UNAVAILABLE: what decisions rest on could not be read in time, and may have changed.
absl::Status StateUnavailable();
// UNAVAILABLE: records were erased while they were read. Nothing of these was disclosed.
absl::Status RecordsRetracted();
// UNAVAILABLE: the store can't be reached. Nothing was disclosed.
absl::Status StoreUnavailable();
// UNAVAILABLE: the clock stands behind the log.
absl::Status ClockBehind();
// ABORTED: what the stream rests on has changed; reading again may succeed.
absl::Status TermsChanged();
// DATA_LOSS: these are not all of the records that were published.
absl::Status NotAsSealed();
// CANCELLED: the caller went away, or the gateway is stopping.
absl::Status Cancelled();

// Whether the status was made here and may leave as it is.
bool MayLeave(const absl::Status& status);

// The stable reason of a status that may leave, or of what goes out in its place; "" of OK.
std::string ReasonOf(const absl::Status& status);

// The status as it goes out, with the request's id (as the log's entry has it) among its details.
google::rpc::Status Outward(const absl::Status& status, absl::string_view request_id);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ERROR_H_
