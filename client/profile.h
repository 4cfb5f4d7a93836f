// Profiles: where a gateway is and what to show it, in a strict YAML file.
//
//   profiles:
//     default:
//       gateway: gateway.example.org:8443
//       ca: /etc/sluice/gateway-ca.pem
//       certificate: /etc/sluice/system-sis.pem
//       key: /etc/sluice/system-sis.key
//       organization: state-university
//
// Secrets stand in files that it names, never in it. Paths that are not absolute are relative to
// the file's directory.
#ifndef SLUICE_CLIENT_PROFILE_H_
#define SLUICE_CLIENT_PROFILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/finding.h"

namespace sluice::client {

struct Profile {
  std::string gateway;
  std::string ca;
  std::string certificate;
  std::string key;
  std::string server_name;
  std::string organization;
};

// `SLUICE_CONFIG`, or `$XDG_CONFIG_HOME/sluice/config.yaml`, or `~/.config/sluice/config.yaml`.
std::string ConfigurationPath();

// The profile of that name in the configuration file; with an empty name that of `SLUICE_PROFILE`,
// or "default". `optional`: without a file, and without a name, an empty profile.
// INVALID_ARGUMENT with every mistake of the file, each at file:line:column.
absl::StatusOr<Profile> LoadProfile(absl::string_view name, bool optional);

// The same of a file's bytes, for tests.
absl::StatusOr<Profile> ParseProfile(absl::string_view file, absl::string_view bytes,
                                     absl::string_view name);

// The names of the profiles in the configuration file. None, if it can't be read.
std::vector<std::string> ProfileNames();

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_PROFILE_H_
