#include "client/import/importer.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/message.h"
#include "policy/record_validator.h"

namespace sluice::client {
namespace {

using google::protobuf::Message;

constexpr int64_t kRowsAStep = 1000;

// Lines as ranges: "2 to 1001, 3002 to 4001". As many as anybody reads.
class LineRanges {
 public:
  void Add(int64_t first, int64_t last) {
    ++count_;
    if (text_.size() < 2000)
      absl::StrAppend(&text_, text_.empty() ? "" : ", ", first, " to ", last);
  }
  bool empty() const { return count_ == 0; }
  const std::string& text() const { return text_; }

 private:
  int64_t count_ = 0;
  std::string text_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> Importer::Create(
    const policy::Catalog& catalog, ImportOptions options,
    std::function<void(const ImportProblem&)> on_problem,
    std::function<void(int64_t, int64_t)> on_read) {
  absl::StatusOr<std::unique_ptr<StagedRecords>> staged = StagedRecords::Create();
  if (!staged.ok()) return staged.status();
  return std::unique_ptr<Importer>(new Importer(catalog, std::move(options), std::move(on_problem),
                                                std::move(on_read), *std::move(staged)));
}

Importer::Importer(const policy::Catalog& catalog, ImportOptions options,
                   std::function<void(const ImportProblem&)> on_problem,
                   std::function<void(int64_t, int64_t)> on_read,
                   std::unique_ptr<StagedRecords> staged)
    : catalog_(catalog),
      options_(std::move(options)),
      on_problem_(std::move(on_problem)),
      on_read_(std::move(on_read)),
      staged_(std::move(staged)) {}

void Importer::Refuse(ImportOutcome& outcome, std::string reason) {
  outcome.refused = true;
  outcome.records = 0;
  if (outcome.reason.empty()) outcome.reason = std::move(reason);
}

ImportOutcome& Importer::Begin(const std::string& path, std::string mapping,
                               std::string record_type) {
  ImportOutcome& outcome = outcomes_.emplace_back();
  outcome.path = path;
  outcome.mapping = std::move(mapping);
  outcome.record_type = std::move(record_type);
  return outcome;
}

absl::Status Importer::Stage(const std::string& path, const Mapping& mapping) {
  ImportOutcome& outcome = Begin(path, mapping.name, mapping.record);
  if (mapping.record.empty()) {
    Refuse(outcome, mapping.refused);
    return absl::OkStatus();
  }
  const policy::RecordType* type = catalog_.Find(mapping.record);
  if (type == nullptr) return absl::InternalError("a mapping without its record type");
  return End(OpenMapped(path, mapping, *type), *type);
}

absl::Status Importer::StageOwnForm(const std::string& path, OwnForm form,
                                    const policy::RecordType& type) {
  Begin(path, "", type.name());
  return End(OpenOwnForm(path, form, type), type);
}

absl::Status Importer::End(absl::StatusOr<RecordFile> file, const policy::RecordType& type) {
  const auto source = static_cast<int>(outcomes_.size()) - 1;
  ImportOutcome& outcome = outcomes_.back();
  const absl::Status read = file.ok() ? StageRows(*file, type, outcome) : file.status();
  if (absl::IsInternal(read)) return read;
  if (!read.ok()) {
    on_problem_({outcome.path, 0, "", "", std::string(read.message())});
    Refuse(outcome, std::string(read.message()));
  } else if (outcome.bad_rows > 0 && !options_.skip_invalid) {
    Refuse(outcome, absl::StrCat(outcome.bad_rows, " of ", outcome.rows,
                                 " rows are wrong: a file is all or nothing"));
  }
  if (!outcome.refused) return absl::OkStatus();
  rejects_.erase(source);
  return staged_->Drop(source);
}

absl::Status Importer::StageRows(RecordFile& file, const policy::RecordType& type,
                                 ImportOutcome& outcome) {
  RowSource& source = *file.rows;
  outcome.unread = file.unread;
  const std::unique_ptr<Message> record(type.prototype().New());
  RejectsForm& rejects = rejects_[static_cast<int>(outcomes_.size()) - 1];
  rejects.begin = source.RejectsBegin();
  rejects.end = source.RejectsEnd();
  SourceRow row;
  int64_t bytes = 0;
  while (true) {
    const absl::StatusOr<bool> read = source.Next(row);
    if (!read.ok()) return read.status();
    if (!*read || ++outcome.rows % kRowsAStep == 0) {
      const int64_t now = source.file().bytes_read();
      on_read_(*read ? kRowsAStep : outcome.rows % kRowsAStep, now - bytes);
      bytes = now;
    }
    if (!*read) break;
    const absl::Status staged = StageRow(row, file, type, *record, outcome);
    if (!staged.ok()) return staged;
  }
  std::map<std::string, int64_t>& fields = outcome.unread_fields;
  fields = source.unread().names();
  fields.insert(file.unread_joined.begin(), file.unread_joined.end());
  for (auto field = fields.begin(); field != fields.end();) {
    field = LeavesOut(*file.mapping, field->first) ? fields.erase(field) : std::next(field);
  }
  return source.CheckUnchanged();
}

absl::Status Importer::StageRow(const SourceRow& row, RecordFile& file,
                                const policy::RecordType& type, Message& record,
                                ImportOutcome& outcome) {
  const auto number = static_cast<int>(outcomes_.size()) - 1;
  std::vector<RowProblem> problems;
  std::string bytes, key;
  if (!row.status.ok()) {
    problems.push_back({"", "", std::string(row.status.message())});
  } else {
    record.Clear();
    absl::StatusOr<MappedRow> mapped = file.maker->Map(row, record);
    if (!mapped.ok()) return mapped.status();
    if (!mapped->taken) {
      ++outcome.not_taken;
      return absl::OkStatus();
    }
    problems = std::move(mapped->problems);
    if (problems.empty()) {
      // By the gateway's own code, so that it won't refuse what passed here.
      policy::Validation validation = policy::ValidateRecord(type, record.SerializeAsString());
      for (policy::RecordProblem& problem : validation.problems) {
        problems.push_back({"", std::move(problem.field),
                            absl::StrCat(problem.reason, ": ", problem.description)});
      }
      bytes = std::move(validation.record.bytes);
      key = std::move(validation.record.key);
    }
  }
  const bool rejects = options_.skip_invalid && !options_.rejects.empty();
  if (problems.empty()) {
    // A file that is refused already is read on for its other problems only.
    if (outcome.bad_rows > 0 && !options_.skip_invalid) return absl::OkStatus();
    if (outcome.samples.size() < options_.samples) outcome.samples.push_back(bytes);
    ++outcome.records;
    return staged_->Add(
        type.name(), key,
        {number, row.line, std::move(bytes),
         rejects ? file.rows->Reject(row, "another row has the same key and other values") : ""});
  }
  ++outcome.bad_rows;
  std::string reason;
  for (const RowProblem& problem : problems) {
    on_problem_({outcome.path, row.line, problem.column, problem.field, problem.reason});
    absl::StrAppend(&reason, reason.empty() ? "" : "; ", problem.column,
                    problem.column.empty() ? "" : " ", problem.field,
                    problem.field.empty() ? "" : ": ", problem.reason);
  }
  if (!rejects) return absl::OkStatus();
  return Reject(number, file.rows->Reject(row, reason));
}

absl::Status Importer::Reject(int number, absl::string_view row) {
  RejectsForm& form = rejects_[number];
  if (form.file == nullptr) {
    const std::filesystem::path name = std::filesystem::path(outcomes_[number].path).filename();
    std::string path = options_.rejects_directory
                           ? (std::filesystem::path(options_.rejects) / name).string()
                           : options_.rejects;
    // One file read under several mappings has a file of rejects for each.
    const bool taken = absl::c_any_of(rejects_, [&](const auto& other) {
      return other.second.file != nullptr && other.second.path == path;
    });
    if (taken) absl::StrAppend(&path, ".", outcomes_[number].mapping);
    form.path = path;
    absl::StatusOr<std::unique_ptr<Rejects>> begun = Rejects::Create(path, form.begin, form.end);
    if (!begun.ok()) return begun.status();
    form.file = *std::move(begun);
  }
  return form.file->Add(row);
}

absl::Status Importer::Resolve() {
  // A refused file takes its conflicts with it: what was equal to one of its records is then new.
  std::set<int> refused;
  do {
    for (const int source : refused) {
      if (const absl::Status dropped = staged_->Drop(source); !dropped.ok()) return dropped;
    }
    refused.clear();
    for (ImportOutcome& outcome : outcomes_) outcome.repeated = 0;
    absl::Status rejected;
    const absl::Status resolved = staged_->ResolveKeys(
        [&](const KeyConflict& conflict) {
          const absl::Status taken = TakeConflict(conflict);
          if (rejected.ok()) rejected = taken;
          if (options_.skip_invalid) return;
          refused.insert({conflict.first.source, conflict.second.source});
        },
        [&](int source) { ++outcomes_[source].repeated; });
    if (!resolved.ok()) return resolved;
    if (!rejected.ok()) return rejected;
  } while (!refused.empty());
  for (ImportOutcome& outcome : outcomes_) outcome.records -= outcome.repeated;
  for (auto& [number, form] : rejects_) {
    if (form.file == nullptr) continue;
    if (const absl::Status kept = form.file->Keep(); !kept.ok()) return kept;
  }
  return absl::OkStatus();
}

absl::Status Importer::TakeConflict(const KeyConflict& conflict) {
  const StagedRecord* records[] = {&conflict.first, &conflict.second};
  on_problem_({outcomes_[conflict.second.source].path, conflict.second.line, "", "",
               absl::StrCat("has the key of ", outcomes_[conflict.first.source].path, ":",
                            conflict.first.line, " and other values: one id is one record's")});
  for (const StagedRecord* record : records) {
    ImportOutcome& outcome = outcomes_[record->source];
    if (!options_.skip_invalid) {
      Refuse(outcome, "two rows give one key other values: a file is all or nothing");
      continue;
    }
    if (record == &conflict.first && conflict.first_again) continue;
    ++outcome.bad_rows;
    --outcome.records;
    if (options_.rejects.empty()) continue;
    if (const absl::Status added = Reject(record->source, record->row); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status Importer::Publish(size_t index, Gateway* gateway, const PublisherOptions& options,
                               RetryPolicy policy, RetryEnvironment environment,
                               const std::function<void(int64_t)>& on_sent) {
  ImportOutcome& outcome = outcomes_[index];
  std::deque<int64_t> lines;  // of what is not answered yet
  LineRanges committed, refused;
  Publisher publisher(
      gateway, options, policy, std::move(environment), [&](const BatchAnswer& answer) {
        on_sent(answer.records);
        for (const RefusedRecord& record : answer.refused) {
          on_problem_(
              {outcome.path, lines[record.index - answer.first_index], "", record.field,
               absl::StrCat("the gateway refused it: ", record.reason, ": ", record.description)});
        }
        (answer.committed ? committed : refused).Add(lines.front(), lines[answer.records - 1]);
        lines.erase(lines.begin(), lines.begin() + answer.records);
      });
  absl::Status status;
  staged_->Rewind(static_cast<int>(index));
  while (status.ok()) {
    absl::StatusOr<std::optional<StagedRecord>> record = staged_->Next();
    if (!record.ok()) return record.status();
    if (!record->has_value()) break;
    lines.push_back((*record)->line);
    status = publisher.Add(std::move((*record)->bytes));
  }
  if (status.ok()) status = publisher.Finish().status();
  outcome.published = publisher.summary();
  if (status.ok() && refused.empty()) return absl::OkStatus();
  if (options.validate_only) {
    outcome.reason = refused.empty()
                         ? std::string("what would change is not known")
                         : absl::StrCat("would be refused: the records of lines ", refused.text());
  } else {
    outcome.reason = absl::StrCat(
        committed.empty() ? "nothing of it is committed"
                          : absl::StrCat("committed are the records of lines ", committed.text()),
        refused.empty() ? "" : absl::StrCat("; refused are those of lines ", refused.text()),
        lines.empty()
            ? ""
            : absl::StrCat("; not known is what became of those from line ", lines.front(),
                           " on: publish it again, which changes nothing twice"));
  }
  outcome.publish_status =
      status.ok() ? absl::FailedPreconditionError("the gateway refuses batches of it") : status;
  return absl::OkStatus();
}

}  // namespace sluice::client
