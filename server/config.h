// The gateway's configuration: one strict YAML file. All that is wrong in it is told at once, each
// with its place. Relative paths are relative to the file.
//
// A value.
#ifndef SLUICE_SERVER_CONFIG_H_
#define SLUICE_SERVER_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/finding.h"
#include "server/audit/witness.h"
#include "server/key_source.h"
#include "server/opening_periods.h"
#include "server/quotas.h"

namespace sluice::server {

struct OrganizationConfig {
  std::string name;
  std::string ca_bundle;         // path
  std::string crl;               // path; empty: none
  std::string signatory_bundle;  // path; empty: ca_bundle
  std::string signatory_crl;     // path; empty: none
};

struct Config {
  std::string gateway;       // its name in the log
  std::string listen;        // "127.0.0.1:8443"; port 0 takes a free one
  std::string port_file;     // where the port that was taken is written; empty: nowhere
  std::string trust_domain;  // of SPIFFE ids
  std::string tls_certificate;
  std::string tls_key;
  std::vector<OrganizationConfig> organizations;
  std::optional<OrganizationConfig> operator_trust;  // no name
  absl::Duration crl_grace;
  KeySource keys;
  std::vector<std::string> key_copies;  // of the keys, elsewhere: named where one is destroyed
  std::string sqlite;                   // file; empty: `postgres`
  std::string postgres;        // libpq's connection settings, without secrets; empty: `sqlite`
  absl::Duration history;      // how long what a change replaced is kept for a withdraw
  OpeningPeriods openings;     // of the log
  std::string log_origin;      // `<host>/<log>/<generation>`
  std::string log_tiles;       // directory
  WitnessPolicy witnesses;     // of the log
  std::string mous;            // directory: the inbox
  std::string types;           // directory: the operator's own record types; empty: none
  std::string metrics_listen;  // empty: no metrics over HTTP
  std::string metrics_port_file;
  QuotaLimits quotas;
  absl::Duration drain;  // how long a stop waits for streams to end
  int max_term_days = 3 * 366;
  // For a principal (its SPIFFE id): the only purposes that it may claim. Absent: any.
  absl::flat_hash_map<std::string, std::vector<std::string>> purposes;
};

struct ConfigRead {
  Config config;  // of use only without findings
  std::vector<policy::Finding> findings;
};

// Reads the file's text. `path`: for places and for relative paths.
ConfigRead ParseConfig(absl::string_view path, absl::string_view text);
// The same from the file itself.
ConfigRead LoadConfig(absl::string_view path);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CONFIG_H_
