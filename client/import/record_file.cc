#include "client/import/record_file.h"

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/import/row_mapper.h"
#include "client/record_csv.h"
#include "client/record_json.h"

namespace sluice::client {
namespace {

using google::protobuf::Message;

// The file beside `path` that a join names; letter case does not count.
absl::StatusOr<std::string> FileBeside(const std::string& path, const JoinMapping& join) {
  std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    for (const std::string& name : join.files) {
      if (absl::EqualsIgnoreCase(entry.path().filename().string(), name)) {
        return entry.path().string();
      }
    }
  }
  return absl::NotFoundError(absl::StrCat(path, " needs ", absl::StrJoin(join.files, " or "),
                                          " beside it (join ", join.name, "), which is not there"));
}

// Joins whose rows are in files beside this one, or in other resources of the same one.
absl::Status BuildJoins(const std::string& path, const Mapping& mapping, RecordFile& file) {
  for (const JoinMapping& join : mapping.joins) {
    if (path == "-" && join.files.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("standard input can be read once, and this mapping reads it again (join ",
                       join.name, "): name a file"));
    }
    const absl::StatusOr<std::string> beside =
        join.files.empty() ? absl::StatusOr<std::string>(path) : FileBeside(path, join);
    if (!beside.ok()) return beside.status();
    auto source = OpenRows(*beside, mapping, join.resource, ColumnsRead(mapping, join.name));
    if (!source.ok()) return source.status();
    absl::StatusOr<std::unique_ptr<JoinIndex>> index = JoinIndex::Build(mapping, join, **source);
    if (!index.ok()) return index.status();
    file.joins.push_back(*std::move(index));
    for (const auto& [name, count] : (*source)->unread().names()) {
      file.unread_joined[absl::StrCat(join.resource.empty() ? join.name : join.resource, ".",
                                      name)] = count;
    }
  }
  return absl::OkStatus();
}

class JsonMaker : public RecordMaker {
 public:
  absl::StatusOr<MappedRow> Map(const SourceRow& row, Message& record) override {
    MappedRow mapped;
    const absl::Status read = RecordFromJson(row.source, record);
    if (!read.ok()) mapped.problems.push_back({"", "", std::string(read.message())});
    return mapped;
  }
};

class CsvMaker : public RecordMaker {
 public:
  explicit CsvMaker(CsvColumns columns) : columns_(std::move(columns)) {}
  absl::StatusOr<MappedRow> Map(const SourceRow& row, Message& record) override {
    MappedRow mapped;
    const absl::Status read = columns_.Read(row.cells, record);
    if (!read.ok()) mapped.problems.push_back({"", "", std::string(read.message())});
    return mapped;
  }

 private:
  const CsvColumns columns_;
};

}  // namespace

std::optional<OwnForm> OwnFormOfName(absl::string_view name) {
  if (name == "ndjson") return OwnForm::kNdjson;
  if (name == "csv") return OwnForm::kCsv;
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const std::string& path, const Mapping& mapping,
                                                    const std::string& resource,
                                                    std::vector<std::string> columns) {
  absl::StatusOr<std::unique_ptr<DecodedFile>> file = DecodedFile::Open(path);
  if (!file.ok()) return file.status();
  switch (mapping.format) {
    case MappingFormat::kCsv:
    case MappingFormat::kEdFiCsv:
    case MappingFormat::kOneRoster:
      return OpenCsvRows(*std::move(file));
    case MappingFormat::kEdFiXml:
      return OpenXmlRows(*std::move(file), {mapping.namespaces, resource, std::move(columns)});
    case MappingFormat::kEdFiJson:
      return OpenJsonRows(*std::move(file), std::move(columns));
  }
  return absl::InternalError("a format without a reader");
}

absl::StatusOr<RecordFile> OpenMapped(const std::string& path, const Mapping& mapping,
                                      const policy::RecordType& type) {
  RecordFile file;
  file.mapping = &mapping;
  if (const absl::Status built = BuildJoins(path, mapping, file); !built.ok()) return built;
  auto rows = OpenRows(path, mapping, mapping.resource, ColumnsRead(mapping, ""));
  if (!rows.ok()) return rows.status();
  file.rows = *std::move(rows);
  std::vector<JoinedRows*> joined;
  for (const auto& join : file.joins) joined.push_back(join.get());
  RowMapper::Bound bound =
      RowMapper::Bind(mapping, type, path, file.rows->columns(), std::move(joined));
  if (bound.mapper == nullptr) {
    std::string all;
    for (const policy::Finding& finding : bound.findings) {
      absl::StrAppend(&all, all.empty() ? "" : "\n", finding.ToString());
    }
    return absl::InvalidArgumentError(all);
  }
  file.maker = std::move(bound.mapper);
  file.unread = std::move(bound.unread);
  return file;
}

absl::StatusOr<RecordFile> OpenOwnForm(const std::string& path, OwnForm form,
                                       const policy::RecordType& type) {
  absl::StatusOr<std::unique_ptr<DecodedFile>> decoded = DecodedFile::Open(path);
  if (!decoded.ok()) return decoded.status();
  RecordFile file;
  switch (form) {
    case OwnForm::kNdjson:
      file.rows = OpenNdjsonRows(*std::move(decoded));
      file.maker = std::make_unique<JsonMaker>();
      return file;
    case OwnForm::kCsv: {
      absl::StatusOr<std::unique_ptr<RowSource>> rows = OpenCsvRows(*std::move(decoded));
      if (!rows.ok()) return rows.status();
      file.rows = *std::move(rows);
      absl::StatusOr<CsvColumns> columns =
          CsvColumns::Bind(type.descriptor(), file.rows->columns());
      if (!columns.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(file.rows->file().PlaceOf(1), ": ", columns.status().message()));
      }
      file.maker = std::make_unique<CsvMaker>(*std::move(columns));
      return file;
    }
  }
  return absl::InternalError("a form without a reader");
}

}  // namespace sluice::client
