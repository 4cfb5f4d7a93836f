#include "server/store/postgres_settings.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace sluice::server {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

const std::string* Find(const PostgresSettings& settings, absl::string_view name) {
  const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& setting) {
    return absl::string_view(setting.first) == name;
  });
  return found == settings.end() ? nullptr : &found->second;
}

bool IsLocal(absl::string_view host) {
  return absl::StartsWith(host, "/") || absl::StartsWith(host, "@") || host == "127.0.0.1" ||
         host == "::1";
}

// Whether nothing of it leaves this machine. Without a host libpq takes its default, the socket;
// but a service may name one, and so may the environment, beside a host that is named here.
bool StaysHere(const PostgresSettings& settings) {
  if (Find(settings, "service") != nullptr || std::getenv("PGSERVICE") != nullptr ||
      std::getenv("PGHOSTADDR") != nullptr) {
    return false;
  }
  const std::string* const address = Find(settings, "hostaddr");
  const std::string* const hosts = address != nullptr ? address : Find(settings, "host");
  if (hosts == nullptr) return false;
  const std::vector<absl::string_view> each = absl::StrSplit(absl::string_view(*hosts), ',');
  return std::all_of(each.begin(), each.end(), IsLocal);
}

// What stands there, without secrets.
absl::StatusOr<PostgresSettings> Parse(absl::string_view settings) {
  char* error = nullptr;  // would quote what it does not understand
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(std::string(settings).c_str(), &error));
  PQfreemem(error);
  if (options == nullptr) {
    return absl::InvalidArgumentError(
        "these are no connection settings of PostgreSQL: write name=value, or a postgresql:// URI");
  }
  PostgresSettings all;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    for (const absl::string_view secret : {"password", "sslpassword"}) {
      if (option->keyword == secret) {
        return absl::InvalidArgumentError(
            absl::StrCat("a ", secret, " in the connection settings can be read by too many: put ",
                         "it into a file and name that by passfile=, or use sslcert= and sslkey="));
      }
    }
    all.emplace_back(option->keyword, option->val);
  }
  return all;
}

}  // namespace

absl::StatusOr<PostgresSettings> CompletePostgresSettings(absl::string_view settings) {
  absl::StatusOr<PostgresSettings> parsed = Parse(settings);
  if (!parsed.ok()) return parsed.status();
  PostgresSettings& all = *parsed;
  if (const std::string* mode = Find(all, "sslmode"); mode != nullptr && *mode != "verify-full") {
    if (!StaysHere(all)) {
      return absl::InvalidArgumentError(
          "sslmode must be verify-full, unless the host is a Unix socket or 127.0.0.1: a weaker "
          "one lets another server pass for the database");
    }
  }
  if (const std::string* kind = Find(all, "target_session_attrs");
      kind != nullptr && *kind != "primary" && *kind != "read-write") {
    return absl::InvalidArgumentError(
        "target_session_attrs must be primary or read-write: a standby may not have what was "
        "acknowledged");
  }
  const std::pair<absl::string_view, absl::string_view> defaults[] = {
      {"sslmode", "verify-full"},
      {"gssencmode", "disable"},
      {"application_name", "sluiced"},
      {"client_encoding", "UTF8"},
      // Of several hosts. Reads, too, must see what was acknowledged.
      {"target_session_attrs", "primary"},
      // A peer that is gone without a word is found out below, too.
      {"keepalives_idle", "10"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "15000"}};
  for (const auto& [name, value] : defaults) {
    if (Find(all, name) == nullptr) all.emplace_back(name, value);
  }
  return all;
}

absl::StatusOr<std::string> OverridePostgresSettings(absl::string_view settings,
                                                     absl::string_view over) {
  absl::StatusOr<PostgresSettings> all = Parse(settings);
  if (!all.ok()) return all.status();
  const absl::StatusOr<PostgresSettings> stronger = Parse(over);
  if (!stronger.ok()) return stronger.status();
  std::string joined;
  const auto add = [&joined](const std::pair<std::string, std::string>& setting) {
    absl::StrAppend(&joined, joined.empty() ? "" : " ", setting.first, "='",
                    absl::StrReplaceAll(setting.second, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
  };
  for (const auto& setting : *all) {
    if (Find(*stronger, setting.first) == nullptr) add(setting);
  }
  for (const auto& setting : *stronger) add(setting);
  return joined;
}

absl::StatusOr<std::string> FindPostgresSetting(absl::string_view settings,
                                                absl::string_view name) {
  const absl::StatusOr<PostgresSettings> all = Parse(settings);
  if (!all.ok()) return all.status();
  const std::string* const found = Find(*all, name);
  return found == nullptr ? "" : *found;
}

}  // namespace sluice::server
