// How fast files of another system's making are published by the command, beside records in our own
// shape, and what the command holds in memory at a large file. Gateway and command are processes of
// their own.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/record_json.h"
#include "tests/bench/figure.h"
#include "tests/bench/run_command.h"
#include "tests/e2e/deployment.h"
#include "tests/support/record_generator.h"

namespace sluice::tests {
namespace {

constexpr char kImport[] = "import_csv";
constexpr char kMemory[] = "import_rss";
constexpr double kMebibytesAllowed = 150;
constexpr int kRuns = 3;

// --- Files of generated candidates ---

std::string Day(const google::type::Date& date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

void WriteEdFi(const std::string& path, int64_t count) {
  const testing::RecordGenerator generator(7);
  std::ofstream file(path, std::ios::binary);
  file << "\xEF\xBB\xBF"
          "CandidateIdentifier,FirstName,MiddleName,LastSurname,SexDescriptor,BirthDate,"
          "HispanicLatinoEthnicity,LoginId,PersonId,SourceSystemDescriptor,RaceDescriptor1,"
          "RaceDescriptor2\n";
  for (int64_t i = 0; i < count; ++i) {
    const v1::Candidate c = generator.Candidate(i);
    const auto race = [&c](int r) { return c.race_size() > r ? c.race(r) : ""; };
    file << c.candidate_id() << ',' << c.first_name() << ',' << c.middle_name() << ','
         << c.last_surname() << ',' << c.sex() << ',' << Day(c.birth_date()) << ','
         << (c.hispanic_latino_ethnicity() ? "TRUE" : "FALSE") << ',' << c.login_id() << ','
         << c.person_id() << ',' << c.source_system() << ',' << race(0) << ',' << race(1) << '\n';
  }
  if (!file.flush()) Must(absl::FailedPreconditionError("no room for the file"));
}

// What the file above says, in our own shape: the same records.
void WriteOwn(const std::string& path, int64_t count) {
  const testing::RecordGenerator generator(7);
  std::ofstream file(path, std::ios::binary);
  for (int64_t i = 0; i < count; ++i) {
    const v1::Candidate c = generator.Candidate(i);
    v1::Candidate own;
    own.set_candidate_id(c.candidate_id());
    if (!c.first_name().empty()) own.set_first_name(c.first_name());
    if (!c.middle_name().empty()) own.set_middle_name(c.middle_name());
    if (!c.last_surname().empty()) own.set_last_surname(c.last_surname());
    if (!c.sex().empty()) own.set_sex(c.sex());
    *own.mutable_birth_date() = c.birth_date();
    own.set_hispanic_latino_ethnicity(c.hispanic_latino_ethnicity());
    if (!c.login_id().empty()) own.set_login_id(c.login_id());
    if (!c.person_id().empty()) own.set_person_id(c.person_id());
    if (!c.source_system().empty()) own.set_source_system(c.source_system());
    for (int r = 0; r < std::min(c.race_size(), 2); ++r) own.add_race(c.race(r));
    file << client::RecordToJson(own) << '\n';
  }
  if (!file.flush()) Must(absl::FailedPreconditionError("no room for the file"));
}

// A gateway of its own for each run, so that every record is new to it.
class Gateway {
 public:
  Gateway() {
    deployment_.WriteConfiguration(absl::StrCat(
        deployment_.Configuration(), "quotas: {bytes_published_per_day: 100000000000}\n"));
    deployment_.Start();
    const Identity system = deployment_.As(kProgram, "system", "sis");
    configuration_ = deployment_.Path("command.yaml").string();
    WriteFile(configuration_,
              absl::StrCat("profiles:\n  default:\n    gateway: ", deployment_.target(),
                           "\n    ca: ", deployment_.Path("pki/operator/ca.pem").string(),
                           "\n    certificate: ", system.certificate, "\n    key: ", system.key,
                           "\n    organization: ", kProgram, "\n"));
  }
  ~Gateway() { deployment_.End(SIGTERM); }
  bench::Run Publish(const std::string& format, const std::string& file) {
    std::vector<std::string> arguments = {"record", "publish"};
    if (format == "ndjson") arguments.push_back("Candidate");
    for (const std::string& more : {file, std::string("--format"), format})
      arguments.push_back(more);
    return bench::RunCommand({{"SLUICE_CONFIG", configuration_}}, arguments);
  }

 private:
  Deployment deployment_;
  std::string configuration_;
};

int Main(const bench::Flags& flags) {
  std::string name = (std::filesystem::temp_directory_path() / "import-bench-XXXXXX").string();
  const std::filesystem::path directory = mkdtemp(name.data());
  const std::string ed_fi = (directory / "candidate.csv").string();
  const std::string own = (directory / "candidates.ndjson").string();
  if (flags.Wants(kImport)) {
    const int64_t records = flags.RecordsOf(kImport);
    WriteEdFi(ed_fi, records);
    WriteOwn(own, records);
    std::vector<double> theirs, ours;
    for (int i = 0; i < kRuns; ++i) {
      theirs.push_back(Gateway().Publish("ed-fi-csv", ed_fi).seconds);
      ours.push_back(Gateway().Publish("ndjson", own).seconds);
    }
    const double of_theirs = bench::Median(theirs), of_ours = bench::Median(ours);
    bench::Print({.name = kImport,
                  .records = records,
                  .value = static_cast<double>(records) / of_theirs,
                  .unit = "rows/s",
                  .baseline = "the same records as NDJSON in shape",
                  .baseline_value = static_cast<double>(records) / of_ours,
                  .ratio = of_ours / of_theirs});
  }
  if (flags.Wants(kMemory)) {
    const int64_t records = flags.RecordsOf(kMemory);
    WriteEdFi(ed_fi, records);
    const bench::Run run = Gateway().Publish("ed-fi-csv", ed_fi);
    WriteEdFi(ed_fi, 1000);
    const bench::Run small = Gateway().Publish("ed-fi-csv", ed_fi);
    bench::Print({.name = kMemory,
                  .records = records,
                  .value = run.peak_mebibytes,
                  .unit = "MiB",
                  .baseline = "what is allowed, of the command",
                  .baseline_value = kMebibytesAllowed,
                  .ratio = run.peak_mebibytes / kMebibytesAllowed,
                  .details = {{"at_1000_rows_mib", small.peak_mebibytes}}});
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace sluice::tests

int main(int argc, char** argv) {
  using namespace sluice::tests;
  return Main(sluice::bench::ParseFlags(
      argc, argv, "Publishes files of another system's making by the command.",
      {{kImport, 1'000'000}, {kMemory, 5'000'000}}));
}
