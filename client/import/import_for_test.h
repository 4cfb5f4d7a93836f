// A directory of files, an importer over it, and what a gateway in memory was sent.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_IMPORT_FOR_TEST_H_
#define SLUICE_CLIENT_IMPORT_IMPORT_FOR_TEST_H_

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "client/file.h"
#include "client/import/importer.h"
#include "client/import/mapping_library.h"
#include "client/record_json.h"
#include "gtest/gtest.h"

namespace sluice::client {

class ImportTest : public testing::Test {
 protected:
  static const policy::Catalog& Catalog() {
    static const auto* const catalog =
        new std::shared_ptr<const policy::Catalog>(*policy::Catalog::BuiltIn());
    return **catalog;
  }
  static const MappingLibrary& Library() {
    static const auto* const library = new MappingLibrary(*MappingLibrary::BuiltIn(Catalog()));
    return *library;
  }

  void SetUp() override {
    std::string name = testing::TempDir() + "import-XXXXXX";
    directory_ = mkdtemp(name.data());
    gateway_.judge = [this](const v1::PublishRecordsRequest& request,
                            v1::PublishRecordsResponse& response) {
      if (judge_) judge_(request, response);
      if (response.state() != v1::PUBLISH_STATE_COMMITTED) return;
      for (const std::string& record : request.records()) {
        sent_.push_back(Json(request.record_type(), record));
      }
    };
    Begin({});
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Begin(ImportOptions options) {
    problems_.clear();
    sent_.clear();
    ++publishes_;
    auto importer = Importer::Create(
        Catalog(), std::move(options),
        [this](const ImportProblem& problem) { problems_.push_back(problem); },
        [this](int64_t rows, int64_t) { read_ += rows; });
    ASSERT_TRUE(importer.ok()) << importer.status();
    importer_ = *std::move(importer);
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, absl::string_view text) {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  static Mapping MappingOf(absl::string_view text) {
    MappingRead read = ReadMapping("m.yaml", text, Catalog());
    for (const policy::Finding& finding : read.findings) ADD_FAILURE() << finding.ToString();
    return read.mapping.value_or(Mapping());
  }
  const ImportOutcome& Stage(const std::string& path, const Mapping& mapping) {
    const absl::Status staged = importer_->Stage(path, mapping);
    EXPECT_TRUE(staged.ok()) << staged;
    return importer_->outcomes().back();
  }
  // Publishes all that was staged and not refused.
  void Publish(int batch_size = 1000) {
    const absl::Status resolved = importer_->Resolve();
    ASSERT_TRUE(resolved.ok()) << resolved;
    for (size_t i = 0; i < importer_->outcomes().size(); ++i) {
      const ImportOutcome& outcome = importer_->outcomes()[i];
      if (outcome.refused) continue;
      PublisherOptions options = {"organizations/river-unified", outcome.record_type,
                                  absl::StrCat("p", publishes_, "-", i), batch_size};
      RetryEnvironment environment = RetryEnvironment::System();
      environment.sleep = [](absl::Duration) {};
      const absl::Status sent =
          importer_->Publish(i, &gateway_, options, RetryPolicy(), environment, [](int64_t) {});
      ASSERT_TRUE(sent.ok()) << sent;
    }
  }
  static std::string Json(const std::string& type, const std::string& bytes) {
    const std::unique_ptr<google::protobuf::Message> record(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(&Catalog().Find(type)->descriptor())
            ->New());
    EXPECT_TRUE(record->ParseFromString(bytes));
    return RecordToJson(*record);
  }
  // "f.csv:3: column: reason", a line each.
  std::string Problems() const {
    std::string text;
    for (const ImportProblem& problem : problems_) {
      absl::StrAppend(&text, std::filesystem::path(problem.file).filename().string(), ":",
                      problem.line, ": ", problem.column, ": ", problem.reason, "\n");
    }
    return text;
  }

  std::string directory_;
  FakeGateway gateway_;
  std::function<void(const v1::PublishRecordsRequest&, v1::PublishRecordsResponse&)> judge_;
  std::vector<std::string> sent_;  // as JSON
  std::vector<ImportProblem> problems_;
  int64_t read_ = 0;
  int publishes_ = 0;  // request ids are a publish's own
  std::unique_ptr<Importer> importer_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_IMPORT_FOR_TEST_H_
