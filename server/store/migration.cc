#include "server/store/migration.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "server/store/store_row.h"

namespace sluice::server {
namespace {

class Migration {
 public:
  Migration(StoreDatabase& database, const MigrationOptions& options)
      : database_(database), options_(options), schema_(*options.schema) {}

  absl::Status Run() {
    absl::StatusOr<std::set<std::string>> tables = database_.Tables();
    if (!tables.ok()) return tables.status();
    if (tables->empty()) {
      return Do(absl::StrCat("makes the tables, schema version ", schema_.version),
                [&] { return database_.Make(schema_); });
    }
    absl::Status status = database_.CheckOurs();
    if (!status.ok()) return status;
    absl::StatusOr<int64_t> version = ReadSchemaVersion(database_.connection());
    if (!version.ok()) return version.status();
    if (*version > schema_.version) return CheckSchemaVersion(*version, schema_.version);
    if (*version == schema_.version) {
      return Say(absl::StrCat("has schema version ", *version, ", which is this sluiced's"));
    }
    for (; *version < schema_.version; ++*version) {
      if (status = Step(*version); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Step(int64_t from) {
    const auto step = std::find_if(schema_.steps.begin(), schema_.steps.end(),
                                   [&](const SchemaStep& s) { return s.version == from + 1; });
    if (step == schema_.steps.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat("no step leads from schema version ", from,
                       ", which was never released: start the sluiced that wrote it"));
    }
    return Do(absl::StrCat("from schema version ", from, " to ", step->version, ": ", step->says),
              [&]() -> absl::Status {
                // Somebody may have been faster.
                absl::StatusOr<int64_t> now = ReadSchemaVersion(database_.connection());
                if (!now.ok()) return now.status();
                if (*now != from) return absl::AbortedError("another migration is under way");
                absl::Status status =
                    database_.connection()->Execute(database_.InDialect(step->sql));
                if (!status.ok()) return status;
                return database_.connection()->Execute(
                    absl::StrCat("UPDATE store SET schema_version = ", step->version));
              });
  }

  absl::Status Do(absl::string_view what, absl::FunctionRef<absl::Status()> change) {
    if (options_.dry_run) return Say(what);
    absl::Status status = database_.Begin();
    if (status.ok()) status = change();
    if (status.ok()) status = database_.connection()->Commit();
    if (!status.ok())
      return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
    return Say(what);
  }

  absl::Status Say(absl::string_view what) {
    if (options_.say) options_.say(what);
    return absl::OkStatus();
  }

  StoreDatabase& database_;
  const MigrationOptions& options_;
  const Schema& schema_;
};

}  // namespace

absl::Status Migrate(StoreDatabase& database, const MigrationOptions& options) {
  return Migration(database, options).Run();
}

}  // namespace sluice::server
