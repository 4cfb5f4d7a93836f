#include "server/config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/strict_yaml.h"
#include "re2/re2.h"
#include "server/identity/spiffe_id.h"
#include "server/store/postgres_settings.h"

namespace sluice::server {
namespace {

using policy::Finding;
using policy::YamlNode;

// Reads one mapping against the keys that it may have.
class Reader {
 public:
  Reader(std::string file, std::vector<Finding>* findings)
      : file_(std::move(file)), findings_(findings) {}

  struct Key {
    absl::string_view name;
    bool required;
    std::function<void(const YamlNode&)> read;
  };

  void Mapping(const YamlNode& node, absl::string_view path, const std::vector<Key>& keys) {
    if (node.kind != YamlNode::Kind::kMapping) {
      return Say(node.place, path, "must be a mapping", "");
    }
    for (const YamlNode& child : node.children) {
      const auto key =
          std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == child.key; });
      if (key == keys.end()) {
        Say(child.key_place, path, absl::StrCat("unknown key \"", child.key, "\""),
            absl::StrCat("there are: ",
                         absl::StrJoin(keys, ", ", [](std::string* out, const Key& k) {
                           absl::StrAppend(out, k.name);
                         })));
      } else if (child.kind != YamlNode::Kind::kRefused) {
        key->read(child);
      }
    }
    for (const Key& key : keys) {
      const bool there = std::any_of(node.children.begin(), node.children.end(),
                                     [&](const YamlNode& child) { return child.key == key.name; });
      if (key.required && !there) {
        Say(node.place, path, absl::StrCat("missing key \"", key.name, "\""), "");
      }
    }
  }

  std::function<void(const YamlNode&)> Text(std::string& out, const char* pattern = ".+") {
    return [this, &out, pattern](const YamlNode& node) {
      if (node.kind != YamlNode::Kind::kScalar) {
        return Say(node.place, node.key, "must be a scalar", "");
      }
      if (!RE2::FullMatch(node.scalar, pattern)) {
        return Say(node.place, node.key, absl::StrCat("must match ", pattern), "");
      }
      out = node.scalar;
    };
  }

  std::function<void(const YamlNode&)> Path(std::string& out) {
    return [this, &out](const YamlNode& node) {
      std::string written;
      Text(written)(node);
      if (written.empty()) return;
      const std::filesystem::path path(written);
      out = path.is_absolute() ? written
                               : (std::filesystem::path(file_).parent_path() / path).string();
    };
  }

  template <typename Number>
  std::function<void(const YamlNode&)> WholeNumber(Number& out, int64_t least) {
    // What a double holds exactly, too.
    constexpr int64_t kMost = 1ll << 50;
    constexpr int64_t most = std::numeric_limits<Number>::max() < kMost
                                 ? static_cast<int64_t>(std::numeric_limits<Number>::max())
                                 : kMost;
    return [this, &out, least](const YamlNode& node) {
      int64_t value = 0;
      if (node.kind != YamlNode::Kind::kScalar || !absl::SimpleAtoi(node.scalar, &value) ||
          value < least || value > most) {
        return Say(node.place, node.key,
                   absl::StrCat("must be a whole number from ", least, " to ", most), "");
      }
      out = static_cast<Number>(value);
    };
  }

  std::function<void(const YamlNode&)> Duration(absl::Duration& out) {
    return [this, &out](const YamlNode& node) {
      absl::Duration value;
      if (node.kind != YamlNode::Kind::kScalar || !absl::ParseDuration(node.scalar, &value) ||
          value < absl::ZeroDuration()) {
        return Say(node.place, node.key, "must be a duration", "like 10s, 5m or 24h");
      }
      out = value;
    };
  }

  void Sequence(const YamlNode& node, const std::function<void(const YamlNode&)>& read) {
    if (node.kind != YamlNode::Kind::kSequence) {
      return Say(node.place, node.key, "must be a sequence", "");
    }
    for (const YamlNode& child : node.children) read(child);
  }

  void Say(policy::Place place, absl::string_view path, std::string message, std::string hint) {
    Finding finding;
    finding.id = "CONFIG";
    finding.file = file_;
    finding.place = place;
    finding.path = std::string(path);
    finding.message = path.empty() ? std::move(message) : absl::StrCat(path, ": ", message);
    finding.hint = std::move(hint);
    findings_->push_back(std::move(finding));
  }

 private:
  const std::string file_;
  std::vector<Finding>* const findings_;
};

constexpr char kName[] = "[a-z][a-z0-9-]{0,62}";
constexpr char kDomain[] = "[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?";
constexpr char kAddress[] = "[^\\s]+:[0-9]{1,5}";
constexpr int kHistoryDays = 30;
// So that no mistake in a file destroys what an inquiry of last week wants.
constexpr int kLeastOpeningDays = 30;
constexpr char kCopy[] = "[^\\x00-\\x1f\\x7f]{1,200}";
constexpr char kOrigin[] = "[^\\s+]{1,200}";
constexpr char kCredential[] = "[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}";
constexpr char kTokenLabel[] = "[^\\s](.{0,30}[^\\s])?";

// A directory, or a mapping of all that there is to say.
void ReadKeys(Reader& read, const YamlNode& node, KeySource& keys) {
  if (node.kind == YamlNode::Kind::kScalar) return read.Path(keys.directory)(node);
  const auto token = [&](const YamlNode& child) {
    TokenSource& source = keys.pkcs11.emplace();
    read.Mapping(child, "keys.pkcs11",
                 {{"module", true, read.Path(source.module)},
                  {"token", true, read.Text(source.token, kTokenLabel)},
                  {"pin_file", false, read.Path(source.pin_file)},
                  {"pin_credential", false, read.Text(source.pin_credential, kCredential)}});
    if (source.pin_file.empty() == source.pin_credential.empty()) {
      read.Say(child.place, "keys.pkcs11", "must have one of pin_file and pin_credential", "");
    }
  };
  read.Mapping(node, "keys",
               {{"directory", true, read.Path(keys.directory)},
                {"credential", false, read.Text(keys.credential, kCredential)},
                {"former_credential", false, read.Text(keys.former_credential, kCredential)},
                {"pkcs11", false, token}});
  if (keys.credential.empty() && !keys.former_credential.empty()) {
    read.Say(node.place, "keys", "former_credential has no credential beside it",
             "name the one that is in use as credential");
  }
}

void ReadWitness(Reader& read, const YamlNode& node, WitnessPolicy& policy) {
  WitnessConfig witness;
  read.Mapping(node, "log.witnesses",
               {{"vkey", true, read.Text(witness.vkey)},
                {"url", true, read.Text(witness.url)},
                {"ca_file", true, read.Path(witness.ca_file)}});
  const auto say = [&](absl::string_view what, absl::string_view hint) {
    read.Say(node.place, "log.witnesses", std::string(what), std::string(hint));
  };
  const absl::StatusOr<CosignatureVerifier> key = CosignatureVerifier::Create(witness.vkey);
  if (!witness.vkey.empty() && !key.ok()) {
    say("vkey is no witness's verifier key",
        "NAME+HASH+KEY of a cosignature/v1 key, as `sluice witness` and others show it");
  }
  if (!witness.url.empty()) {
    if (const absl::Status s = ParseWitnessUrl(witness.url).status(); !s.ok()) say(s.message(), "");
  }
  for (const WitnessConfig& other : policy.witnesses) {
    const absl::StatusOr<CosignatureVerifier> its = CosignatureVerifier::Create(other.vkey);
    if (!key.ok() || !its.ok()) continue;
    // A cosignature does not name who made it: one key is one witness, whatever it is called.
    if (key->name() == its->name() || key->public_key() == its->public_key()) {
      say(absl::StrCat("the witness \"", key->name(), "\" stands twice, by its name or its key"),
          "");
    }
  }
  policy.witnesses.push_back(std::move(witness));
}

// Whole days; what is not named is kept as long as the log.
void ReadOpeningDays(Reader& read, const YamlNode& node, OpeningPeriods& periods) {
  int filters = 0, callers = 0, counts = 0;
  read.Mapping(node, "opening_days",
               {{"filters", false, read.WholeNumber(filters, kLeastOpeningDays)},
                {"callers", false, read.WholeNumber(callers, kLeastOpeningDays)},
                {"counts", false, read.WholeNumber(counts, kLeastOpeningDays)}});
  periods = {absl::Hours(24 * int64_t{filters}), absl::Hours(24 * int64_t{callers}),
             absl::Hours(24 * int64_t{counts})};
}

void ReadLog(Reader& read, const YamlNode& node, Config& config) {
  WitnessPolicy& policy = config.witnesses;
  read.Mapping(node, "log",
               {{"origin", true, read.Text(config.log_origin, kOrigin)},
                {"tiles", true, read.Path(config.log_tiles)},
                {"opening_days", false,
                 [&](const YamlNode& days) { ReadOpeningDays(read, days, config.openings); }},
                {"witnesses", false,
                 [&](const YamlNode& list) {
                   read.Sequence(list,
                                 [&](const YamlNode& child) { ReadWitness(read, child, policy); });
                 }},
                {"witness_quorum", false, read.WholeNumber(policy.quorum, 1)},
                {"witness_lag_warn", false, read.Duration(policy.lag_warn)},
                {"witness_lag_halt", false, read.Duration(policy.lag_halt)}});
  const int count = static_cast<int>(policy.witnesses.size());
  // More than half: two checkpoints that each have so many have a witness in common.
  if (policy.quorum == 0 && count > 0) policy.quorum = count / 2 + 1;
  if (policy.quorum > count) {
    read.Say(node.place, "log", absl::StrCat("witness_quorum is above the ", count, " witnesses"),
             "");
  }
  if (policy.lag_halt == absl::ZeroDuration()) {
    read.Say(node.place, "log", "witness_lag_halt can't be 0",
             "to wait for the witnesses at each answer is not offered; give a short duration");
  } else if (policy.lag_halt <= policy.lag_warn) {
    read.Say(node.place, "log", "witness_lag_halt must be longer than witness_lag_warn", "");
  }
}

}  // namespace

ConfigRead ParseConfig(absl::string_view path, absl::string_view text) {
  ConfigRead result;
  Config& config = result.config;
  config.drain = absl::Seconds(10);
  policy::YamlOptions options;
  options.subset_id = "CONFIG";
  options.duplicate_key_id = "CONFIG";
  policy::YamlRead yaml = policy::ReadStrictYaml(path, text, options);
  result.findings = std::move(yaml.findings);
  if (!yaml.root) return result;

  Reader read(std::string(path), &result.findings);
  std::vector<std::pair<std::string, policy::Place>> principals;
  const auto trust = [&read](OrganizationConfig& organization, bool named, const YamlNode& node) {
    std::vector<Reader::Key> keys = {
        {"ca_bundle", true, read.Path(organization.ca_bundle)},
        {"crl", false, read.Path(organization.crl)},
        {"signatory_bundle", false, read.Path(organization.signatory_bundle)},
        {"signatory_crl", false, read.Path(organization.signatory_crl)},
    };
    if (named) keys.push_back({"name", true, read.Text(organization.name, kName)});
    read.Mapping(node, node.key, keys);
    if (organization.crl.empty() || organization.signatory_bundle.empty() ||
        !organization.signatory_crl.empty()) {
      return;
    }
    for (const YamlNode& child : node.children) {
      if (child.key != "signatory_bundle") continue;
      read.Say(child.key_place, "signatory_bundle",
               "has no \"signatory_crl\" beside it, though there is a \"crl\": no signature under "
               "these CAs could be revoked",
               "add signatory_crl, with a list that each CA of signatory_bundle has signed");
    }
  };
  read.Mapping(
      *yaml.root, "",
      {
          {"gateway", true, read.Text(config.gateway, kName)},
          {"listen", true, read.Text(config.listen, kAddress)},
          {"port_file", false, read.Path(config.port_file)},
          {"trust_domain", true, read.Text(config.trust_domain, kDomain)},
          {"tls", true,
           [&](const YamlNode& node) {
             read.Mapping(node, "tls",
                          {{"certificate", true, read.Path(config.tls_certificate)},
                           {"key", true, read.Path(config.tls_key)}});
           }},
          {"organizations", true,
           [&](const YamlNode& node) {
             read.Sequence(node, [&](const YamlNode& child) {
               OrganizationConfig organization;
               trust(organization, /*named=*/true, child);
               for (const OrganizationConfig& other : config.organizations) {
                 if (other.name == organization.name) {
                   read.Say(child.place, "organizations",
                            absl::StrCat("\"", organization.name, "\" stands twice"), "");
                 }
               }
               config.organizations.push_back(std::move(organization));
             });
           }},
          {"operator", false,
           [&](const YamlNode& node) {
             config.operator_trust.emplace();
             trust(*config.operator_trust, /*named=*/false, node);
           }},
          {"crl_grace", false, read.Duration(config.crl_grace)},
          {"keys", true, [&](const YamlNode& node) { ReadKeys(read, node, config.keys); }},
          {"key_copies", false,
           [&](const YamlNode& node) {
             read.Sequence(node, [&](const YamlNode& child) {
               read.Text(config.key_copies.emplace_back(), kCopy)(child);
             });
           }},
          {"store", true,
           [&](const YamlNode& node) {
             int days = kHistoryDays;
             read.Mapping(node, "store",
                          {{"sqlite", false, read.Path(config.sqlite)},
                           {"postgres", false, read.Text(config.postgres)},
                           {"history_days", false, read.WholeNumber(days, 0)}});
             if (config.sqlite.empty() == config.postgres.empty()) {
               read.Say(node.place, "store", "must have one of sqlite and postgres", "");
             }
             if (const absl::Status fit = CompletePostgresSettings(config.postgres).status();
                 !fit.ok()) {
               read.Say(node.place, "store", std::string(fit.message()), "");
             }
             config.history = absl::Hours(24 * int64_t{days});
           }},
          {"log", true, [&](const YamlNode& node) { ReadLog(read, node, config); }},
          {"mous", true, read.Path(config.mous)},
          {"types", false, read.Path(config.types)},
          {"metrics", false,
           [&](const YamlNode& node) {
             read.Mapping(node, "metrics",
                          {{"listen", true, read.Text(config.metrics_listen, kAddress)},
                           {"port_file", false, read.Path(config.metrics_port_file)}});
           }},
          {"quotas", false,
           [&](const YamlNode& node) {
             QuotaLimits& quotas = config.quotas;
             read.Mapping(
                 node, "quotas",
                 {{"concurrent_streams", false, read.WholeNumber(quotas.concurrent_streams, 1)},
                  {"total_streams", false, read.WholeNumber(quotas.total_streams, 1)},
                  {"connections", false, read.WholeNumber(quotas.connections, 1)},
                  {"calls_per_second", false, read.WholeNumber(quotas.calls_per_second, 1)},
                  {"bytes_published_per_day", false,
                   read.WholeNumber(quotas.bytes_published_per_day, 1)},
                  {"rows_owned", false, read.WholeNumber(quotas.rows_owned, 1)},
                  {"publish_bytes_outstanding", false,
                   read.WholeNumber(quotas.publish_bytes_outstanding, 1)}});
           }},
          {"drain", false, read.Duration(config.drain)},
          {"max_term_days", false, read.WholeNumber(config.max_term_days, 1)},
          {"principals", false,
           [&](const YamlNode& node) {
             read.Sequence(node, [&](const YamlNode& child) {
               std::string id;
               std::vector<std::string> purposes;
               read.Mapping(child, "principals",
                            {{"id", true,
                              [&](const YamlNode& text) {
                                read.Text(id)(text);
                                if (!id.empty()) principals.emplace_back(id, text.place);
                              }},
                             {"purposes", true, [&](const YamlNode& list) {
                                read.Sequence(list, [&](const YamlNode& item) {
                                  purposes.emplace_back();
                                  read.Text(purposes.back(), "[a-z][a-z0-9_]{0,62}")(item);
                                });
                              }}});
               config.purposes[id] = std::move(purposes);
             });
           }},
      });
  // The trust domain may stand below them.
  for (auto it = principals.begin(); it != principals.end(); ++it) {
    const auto& [id, place] = *it;
    const bool again = std::any_of(principals.begin(), it,
                                   [&it](const auto& other) { return other.first == it->first; });
    if (again) read.Say(place, "principals", "this id stands twice", "");
    if (config.trust_domain.empty()) continue;  // a finding of its own
    const absl::Status parsed = ParseSpiffeId(id, config.trust_domain).status();
    if (!parsed.ok()) read.Say(place, "principals", std::string(parsed.message()), "");
  }
  std::stable_sort(
      result.findings.begin(), result.findings.end(), [](const Finding& a, const Finding& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
      });
  return result;
}

ConfigRead LoadConfig(absl::string_view path) {
  std::ifstream file{std::string(path), std::ios::binary};
  if (!file) {
    ConfigRead result;
    Finding finding;
    finding.id = "CONFIG";
    finding.file = std::string(path);
    finding.message = "can't be read";
    finding.hint = "give the configuration by --config FILE";
    result.findings.push_back(std::move(finding));
    return result;
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ParseConfig(path, text);
}

}  // namespace sluice::server
