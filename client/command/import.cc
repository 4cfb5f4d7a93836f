#include "client/command/import.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/import_report.h"
#include "client/command/output.h"
#include "client/file.h"
#include "client/import/importer.h"
#include "client/import/mapping_library.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

// A file, and the mappings that its records come by: none where it is in our own form.
struct Planned {
  std::string path;
  std::vector<const Mapping*> mappings;
  std::string reason;  // why it can't be read
};

class Command {
 public:
  Command(Session& session, const ImportRequest& request)
      : session_(session),
        request_(request),
        report_(request.output == "json", !request.dry_run  ? ImportReport::Run::kPublish
                                          : request.offline ? ImportReport::Run::kCheck
                                                            : ImportReport::Run::kCompare) {}

  ExitCode Run() {
    const absl::StatusOr<const policy::Catalog*> catalog = session_.GetCatalog();
    if (!catalog.ok()) return Fail(catalog.status());
    catalog_ = *catalog;
    absl::StatusOr<MappingLibrary> library = MappingLibrary::BuiltIn(**catalog);
    if (!library.ok()) return Fail(library.status());
    library_ = std::make_unique<MappingLibrary>(*std::move(library));
    const absl::Status ready = Plan();
    if (own_mapping_refused_) return kCheckFailed;
    if (!ready.ok()) return Fail(ready);
    if (!request_.offline) {
      if (const absl::Status found = FindGateway(); !found.ok()) return FailAtGateway(found);
    }
    if (const absl::Status staged = Stage(); !staged.ok()) return Fail(staged);
    if (!request_.offline) {
      if (const absl::Status sent = Send(); !sent.ok()) return Fail(sent);
    }
    const ExitCode code =
        report_.End(importer_->outcomes(), unplanned_, *catalog_, session_.quiet());
    const auto failed = [](const ImportOutcome& outcome) {
      return absl::IsUnavailable(outcome.publish_status);
    };
    const std::vector<ImportOutcome>& outcomes = importer_->outcomes();
    if (std::any_of(outcomes.begin(), outcomes.end(), failed)) HintAtOffline();
    return code;
  }

 private:
  absl::Status FindGateway() {
    const absl::StatusOr<std::string> parent = session_.GetParent();
    if (!parent.ok()) return parent.status();
    parent_ = *parent;
    const absl::StatusOr<Gateway*> gateway = session_.GetGateway();
    if (!gateway.ok()) return gateway.status();
    gateway_ = *gateway;
    return absl::OkStatus();
  }
  void HintAtOffline() const {
    if (request_.dry_run) Note("sluice: --dry-run --offline checks the files without a gateway\n");
  }
  ExitCode FailAtGateway(const absl::Status& status) const {
    const ExitCode code = Fail(status);
    HintAtOffline();
    return code;
  }

  // --- Which file goes through which mapping. ---
  absl::Status Plan() {
    if (!request_.type.empty()) {
      const absl::StatusOr<const policy::RecordType*> type = session_.GetType(request_.type);
      if (!type.ok()) return type.status();
      type_ = *type;
    }
    if (request_.mapping.empty()) own_form_ = OwnFormOfName(request_.format);
    if (!own_form_.has_value()) {
      if (const absl::Status own = ReadOwnMapping(); !own.ok()) return own;
    }
    std::error_code error;
    if (!fs::is_directory(request_.path, error)) {
      if (request_.path != "-" && !fs::exists(request_.path, error)) {
        return absl::NotFoundError(absl::StrCat("there is no file ", request_.path));
      }
      Planned planned = PlanFile(request_.path);
      if (!planned.reason.empty()) return absl::InvalidArgumentError(planned.reason);
      plan_.push_back(std::move(planned));
      return absl::OkStatus();
    }
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(request_.path, error)) {
      if (entry.is_regular_file(error) && IsOfFormat(entry.path())) {
        paths.push_back(entry.path().string());
      }
    }
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("can't read ", request_.path, ": ", error.message()));
    }
    std::sort(paths.begin(), paths.end());
    if (paths.empty()) {
      return absl::NotFoundError(absl::StrCat("there is no such file in ", request_.path));
    }
    for (const std::string& path : paths) {
      Planned planned = PlanFile(path);
      if (!planned.reason.empty()) {
        unplanned_.push_back({planned.path, planned.reason});
      } else {
        plan_.push_back(std::move(planned));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadOwnMapping() {
    if (request_.mapping.empty()) {
      format_ = *FormatOfName(request_.format);
      return absl::OkStatus();
    }
    const Mapping* mapping = library_->Find(request_.mapping);
    if (mapping == nullptr) {
      const absl::StatusOr<std::string> bytes = ReadFile(request_.mapping);
      if (!bytes.ok()) return bytes.status();
      MappingRead read = ReadMapping(request_.mapping, *bytes, *catalog_);
      for (const policy::Finding& finding : read.findings) Note(finding.ToString() + "\n");
      own_mapping_refused_ = !read.mapping.has_value();
      if (own_mapping_refused_) return absl::InvalidArgumentError("the mapping is wrong");
      own_mapping_ = std::make_unique<Mapping>(*std::move(read.mapping));
      mapping = own_mapping_.get();
    }
    mapping_ = mapping;
    format_ = mapping->format;
    return absl::OkStatus();
  }

  bool IsOfFormat(const fs::path& path) const {
    const std::string extension = path.extension().string();
    const auto is = [&](absl::string_view e) { return absl::EqualsIgnoreCase(extension, e); };
    if (path.filename().string()[0] == '.') return false;
    if (own_form_.has_value() ? *own_form_ == OwnForm::kCsv : IsTabular(format_)) {
      return is(".csv");
    }
    if (own_form_.has_value()) return is(".ndjson") || is(".jsonl");
    if (format_ == MappingFormat::kEdFiXml) return is(".xml");
    return is(".json") || is(".ndjson") || is(".jsonl");
  }

  Planned PlanFile(const std::string& path) {
    Planned planned = {path, {}, ""};
    if (own_form_.has_value()) return planned;
    if (mapping_ != nullptr) {
      planned.mappings = {mapping_};
    } else {
      std::vector<std::string> columns;
      if (IsTabular(format_) && path != "-") {
        Mapping any;
        any.format = format_;
        auto rows = OpenRows(path, any, "", {});
        if (!rows.ok()) {
          planned.reason = std::string(rows.status().message());
          return planned;
        }
        columns = (*rows)->columns();
      }
      auto found = library_->Recognize(format_, fs::path(path).filename().string(), columns);
      if (!found.ok()) {
        planned.reason = std::string(found.status().message());
        return planned;
      }
      planned.mappings = *std::move(found);
    }
    if (request_.type.empty()) return planned;
    std::vector<std::string> others;
    std::vector<const Mapping*> of_type;
    for (const Mapping* mapping : planned.mappings) {
      if (mapping->record == request_.type) {
        of_type.push_back(mapping);
      } else {
        others.push_back(mapping->name);
      }
    }
    planned.mappings = std::move(of_type);
    if (planned.mappings.empty()) {
      planned.reason = absl::StrCat(path, " holds no records of ", request_.type, ": it is for ",
                                    absl::StrJoin(others, ", "));
    }
    return planned;
  }

  // --- Reading and checking ---
  absl::Status Stage() {
    ImportOptions options;
    options.skip_invalid = request_.skip_invalid;
    options.rejects = request_.rejects;
    std::error_code error;
    options.rejects_directory = fs::is_directory(request_.path, error);
    options.samples = request_.dry_run ? 3 : 0;
    int64_t bytes = 0;
    for (const Planned& planned : plan_) {
      const auto size = fs::file_size(planned.path, error);
      const size_t times = std::max<size_t>(planned.mappings.size(), 1);
      if (!error) bytes += static_cast<int64_t>(size * times);
    }
    Progress progress("rows checked", bytes);
    auto importer = Importer::Create(
        *catalog_, options, [this](const ImportProblem& problem) { report_.Add(problem); },
        [&progress](int64_t rows, int64_t more) { progress.Add(rows, more); });
    if (!importer.ok()) return importer.status();
    importer_ = *std::move(importer);
    for (const Planned& planned : plan_) {
      if (own_form_.has_value()) {
        const absl::Status staged = importer_->StageOwnForm(planned.path, *own_form_, *type_);
        if (!staged.ok()) return staged;
      }
      for (const Mapping* mapping : planned.mappings) {
        const absl::Status staged = importer_->Stage(planned.path, *mapping);
        if (!staged.ok()) return staged;
      }
    }
    return importer_->Resolve();
  }

  // --- Sending ---
  // Posts and organizations first, then persons, then what refers to both.
  int Rank(const std::string& record_type) const {
    const policy::RecordType* type = catalog_->Find(record_type);
    if (type == nullptr || type->subject_fields().empty()) return 0;
    const bool is_person =
        std::all_of(type->leaves().begin(), type->leaves().end(),
                    [](const policy::Field* leaf) { return !leaf->key || leaf->names_subject(); });
    return is_person ? 1 : 2;
  }
  absl::Status Send() {
    std::vector<size_t> order;
    int64_t records = 0;
    for (size_t i = 0; i < importer_->outcomes().size(); ++i) {
      const ImportOutcome& outcome = importer_->outcomes()[i];
      if (outcome.refused || outcome.records == 0) continue;
      order.push_back(i);
      records += outcome.records;
    }
    std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      return Rank(importer_->outcomes()[a].record_type) <
             Rank(importer_->outcomes()[b].record_type);
    });
    Progress progress(request_.dry_run ? "records compared" : "records sent", records);
    const std::string prefix =
        request_.request_prefix.empty() ? RandomRequestPrefix() : request_.request_prefix;
    for (const size_t i : order) {
      PublisherOptions options;
      options.parent = parent_;
      options.record_type = importer_->outcomes()[i].record_type;
      options.request_prefix = order.size() == 1 ? prefix : absl::StrCat(prefix, "-", i);
      options.batch_size = request_.batch_size;
      options.validate_only = request_.dry_run;
      const absl::Status sent = importer_->Publish(
          i, gateway_, options, session_.retry_policy(), RetryEnvironment::System(),
          [&progress](int64_t count) { progress.Add(count, count); });
      if (!sent.ok()) return sent;
    }
    return absl::OkStatus();
  }

  Session& session_;
  const ImportRequest& request_;
  ImportReport report_;
  const policy::Catalog* catalog_ = nullptr;
  const policy::RecordType* type_ = nullptr;  // where one is named
  std::optional<OwnForm> own_form_;
  std::unique_ptr<MappingLibrary> library_;
  std::unique_ptr<Mapping> own_mapping_;
  const Mapping* mapping_ = nullptr;
  bool own_mapping_refused_ = false;
  MappingFormat format_ = MappingFormat::kCsv;
  std::vector<Planned> plan_;
  std::vector<UnplannedFile> unplanned_;
  std::string parent_;
  Gateway* gateway_ = nullptr;
  std::unique_ptr<Importer> importer_;
};

}  // namespace

ExitCode Import(Session& session, const ImportRequest& request) {
  std::error_code error;
  if (request.mapping.empty() && request.type.empty() && OwnFormOfName(request.format)) {
    return FailUsage("the record type and FILE are required: record publish TYPE FILE");
  }
  if (request.offline && !request.dry_run) return FailUsage("--offline goes with --dry-run");
  if (!request.rejects.empty() && !request.skip_invalid) {
    return FailUsage("--rejects goes with --skip-invalid");
  }
  if (!request.rejects.empty() && fs::equivalent(request.rejects, request.path, error)) {
    return FailUsage("--rejects must be another file than the one that is read");
  }
  if (!request.rejects.empty() && fs::is_directory(request.path, error) &&
      !fs::is_directory(request.rejects, error)) {
    return FailUsage("--rejects must be a directory where a directory is published");
  }
  return Command(session, request).Run();
}

}  // namespace sluice::client
