#include "server/quotas.h"

#include <algorithm>
#include <utility>

#include "server/error.h"

namespace sluice::server {

void Quotas::Sweep(absl::Time now) {
  if (uses_.size() < kPrincipals) return;
  absl::erase_if(uses_, [&](const auto& use) {
    return use.second.streams == 0 && now - use.second.calls_at > absl::Minutes(1) &&
           Spent(use.second.published, now) == 0 && Spent(use.second.validated, now) == 0;
  });
}

absl::Status Quotas::Call(absl::string_view principal, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  Sweep(now);
  Use& use = uses_[principal];
  const double rate = limits_.calls_per_second;
  // A principal that was never seen starts with a full bucket.
  const double refilled = use.calls_at == absl::InfinitePast()
                              ? rate
                              : use.calls + rate * absl::ToDoubleSeconds(now - use.calls_at);
  use.calls = std::min(std::max(rate, 1.0), refilled);
  use.calls_at = now;
  if (use.calls < 1) return Exhausted("calls_per_second", absl::Seconds((1 - use.calls) / rate));
  use.calls -= 1;
  return absl::OkStatus();
}

absl::string_view Quotas::OrganizationOf(absl::string_view principal) {
  for (int parts = 0; parts < 2; ++parts) principal = principal.substr(0, principal.rfind('/'));
  return principal;
}

absl::StatusOr<Quotas::Stream> Quotas::BeginStream(absl::string_view principal) {
  absl::MutexLock lock(&mutex_);
  Use& use = uses_[principal];
  if (use.streams >= limits_.concurrent_streams) {
    return Exhausted("concurrent_streams", absl::Seconds(1));
  }
  // It may make as many principals as it likes, and others are to find a place.
  const int share = std::max(limits_.concurrent_streams, (limits_.total_streams + 1) / 2);
  int& of_organization = streams_of_[OrganizationOf(principal)];
  if (streams_ >= limits_.total_streams || of_organization >= share) {
    return Exhausted("total_streams", absl::Seconds(1));
  }
  ++use.streams;
  ++of_organization;
  ++streams_;
  return Stream(this, std::string(principal));
}

absl::Status Quotas::Publish(absl::string_view principal, int64_t bytes, absl::Time now) {
  return Charge(&Use::published, principal, bytes, now);
}

absl::Status Quotas::Validate(absl::string_view principal, int64_t bytes, absl::Time now) {
  return Charge(&Use::validated, principal, bytes, now);
}

int64_t Quotas::Spent(const Day& day, absl::Time now) {
  return now - day.begins >= absl::Hours(24) ? 0 : day.bytes;
}

absl::Status Quotas::Charge(Day Use::*day, absl::string_view principal, int64_t bytes,
                            absl::Time now) {
  absl::MutexLock lock(&mutex_);
  Day& use = uses_[principal].*day;
  const int64_t spent = Spent(use, now);
  if (now - use.begins >= absl::Hours(24)) use = {.bytes = 0, .begins = now};
  if (bytes > limits_.bytes_published_per_day - spent) {
    return Exhausted("bytes_published_per_day", use.begins + absl::Hours(24) - now);
  }
  use.bytes += bytes;
  return absl::OkStatus();
}

int64_t Quotas::rows_owned() const {
  absl::MutexLock lock(&mutex_);
  return limits_.rows_owned;
}

void Quotas::SetLimits(QuotaLimits limits) {
  absl::MutexLock lock(&mutex_);
  limits_ = limits;
}

void Quotas::EndStream(absl::string_view principal) {
  absl::MutexLock lock(&mutex_);
  --uses_[principal].streams;
  --streams_;
  const auto organization = streams_of_.find(OrganizationOf(principal));
  if (--organization->second == 0) streams_of_.erase(organization);
}

}  // namespace sluice::server
