// What a decision rests on, and what an organization is granted, as people are told. Computed from
// what decides, so that it can't differ.
//
// Pure.
#ifndef SLUICE_POLICY_EXPLAIN_H_
#define SLUICE_POLICY_EXPLAIN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/decide.h"
#include "policy/mou_document.h"
#include "sluice/v1/decision.pb.h"

namespace sluice::policy {

// A permit: MOU, version, digest, and each grant with its place, its period and the rule of each
// field. A denial: its code, and what the nearest grants fail: "OUTSIDE_PERIOD; expected-completers
// fails only: period, expired on 2028-07-01 (mou.yaml:9)". With the document the places are
// file:line and a permit has several lines; without it, one.
std::string Explain(const Decision& decision, const MouDocument* document = nullptr);

// The grants to an organization, those that are not live included, of the versions that were ever
// signed; by MOU, in the document's order.
std::vector<v1::GrantView> GrantsTo(const MouSet& mous, absl::string_view organization,
                                    absl::Time time);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_EXPLAIN_H_
