// What an operator may say of the way to PostgreSQL, and what is added to it: libpq's connection
// settings, in which no secret stands, and which never lead over a network without TLS to a server
// that is not the one meant.
//
// Pure functions.
#ifndef SLUICE_SERVER_STORE_POSTGRES_SETTINGS_H_
#define SLUICE_SERVER_STORE_POSTGRES_SETTINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

using PostgresSettings = std::vector<std::pair<std::string, std::string>>;

// All that libpq is told. INVALID_ARGUMENT, which never repeats a value: settings that can't be
// read; a password in them (it belongs into a `passfile`, or a client's certificate takes its
// place); an `sslmode` weaker than verify-full for anything but a Unix socket or a loopback
// address.
absl::StatusOr<PostgresSettings> CompletePostgresSettings(absl::string_view settings);

// `settings` with those of `over` in their place, as libpq takes them. INVALID_ARGUMENT: one of
// them can't be read.
absl::StatusOr<std::string> OverridePostgresSettings(absl::string_view settings,
                                                     absl::string_view over);
// The one setting; empty if it does not stand there.
absl::StatusOr<std::string> FindPostgresSetting(absl::string_view settings, absl::string_view name);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_SETTINGS_H_
