#include "tests/e2e/deployment.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "client/connection.h"
#include "client/error.h"
#include "client/pki_directory.h"
#include "policy/catalog.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

// How long a gateway may take for a step that the test waits for, on a machine that is busy.
constexpr absl::Duration kPatience = absl::Seconds(60);

fs::path NewDirectory() {
  std::string pattern = (fs::temp_directory_path() / "sluice-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) Must(absl::ErrnoToStatus(errno, "mkdtemp"));
  return pattern;
}

[[noreturn]] void Fail(absl::string_view what) {
  absl::FPrintF(stderr, "%s\n", what);
  abort();
}

}  // namespace

void WaitFor(absl::string_view what, absl::FunctionRef<bool()> came) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!came()) {
    if (absl::Now() > deadline) Fail(absl::StrCat("waited in vain for ", what));
    absl::SleepFor(absl::Milliseconds(5));
  }
}

void Must(const absl::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

void WriteFile(const fs::path& path, absl::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) Fail(absl::StrCat("can't write ", path.string()));
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Fail(absl::StrCat("can't read ", path.string()));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Deployment::Deployment() : directory_(NewDirectory()), name_("test"), is_first_(true) {
  pki::InitOptions options;
  options.now = absl::Now();
  const std::string pki = Path("pki").string();
  fs::create_directories(pki);
  fs::create_directories(Path("mous"));
  for (const char* organization : {kProgram, kDistrict, kStranger}) {
    Must(pki::InitOrganization(pki, kTrustDomain, organization, options).status());
  }
  Must(pki::InitOperator(pki, kTrustDomain, options));
  Must(pki::IssueGateway(pki, "demo", {"localhost"}, {"127.0.0.1"}, 30, absl::Now()).status());
  WriteConfiguration(Configuration());
}

Deployment::Deployment(const Deployment& first, absl::string_view name)
    : directory_(first.directory_),
      name_(name),
      is_first_(false),
      prefix_(absl::StrCat(name, ".")) {
  fs::create_directories(Path(prefix_ + "mous"));
  WriteConfiguration(Configuration());
}

Deployment::~Deployment() {
  if (process_ > 0) End(SIGKILL);
  std::error_code ignored;
  if (is_first_) fs::remove_all(directory_, ignored);
}

fs::path Deployment::Path(absl::string_view relative) const {
  return directory_ / std::string(relative);
}

Identity Deployment::As(absl::string_view organization, absl::string_view kind,
                        absl::string_view name) {
  const std::string stem = Path(absl::StrCat("pki/", organization, "/", kind, "-", name)).string();
  if (!fs::exists(stem + ".pem")) {
    const std::string pki = Path("pki").string();
    Must(organization == "operator"
             ? pki::IssueOperator(pki, name, 30, absl::Now()).status()
             : pki::Issue(pki, organization, kind, name, 30, absl::Now()).status());
  }
  return {stem + ".pem", stem + ".key"};
}

Identity Deployment::Mint(absl::string_view organization, absl::string_view name,
                          const pki::CertificateSpec& spec) {
  const fs::path directory = Path(absl::StrCat("pki/", organization));
  const pki::Credential ca{ReadFile(directory / "ca.pem"),
                           Must(pki::PrivateKey::FromPem(ReadFile(directory / "ca.key")))};
  const pki::Credential made = Must(pki::MakeCertificate(spec, ca));
  const std::string stem = (directory / std::string(name)).string();
  WriteFile(stem + ".pem", made.certificate);
  WriteFile(stem + ".key", Must(made.key.ToPem()));
  return {stem + ".pem", stem + ".key"};
}

void Deployment::Revoke(absl::string_view organization, const Identity& identity,
                        absl::Time since) {
  Must(pki::Revoke(Path("pki").string(), organization, ReadFile(identity.certificate), 30,
                   absl::Now(), since)
           .status());
}

std::string Deployment::Document(absl::string_view name) const {
  const auto ca = [this](absl::string_view organization) {
    return Must(
        pki::SpkiDigest(ReadFile(Path(absl::StrCat("pki/", organization, "/signatory-ca.pem")))));
  };
  const auto day = [](absl::Duration from_now) {
    return absl::FormatTime("%Y-%m-%d", absl::Now() + from_now, absl::UTCTimeZone());
  };
  return absl::Substitute(
      "mou: $0\n"
      "version: 1\n"
      "title: For a test\n"
      "parties:\n"
      "  - {organization: state-university, signatory_ca: $1}\n"
      "  - {organization: river-unified, signatory_ca: $2}\n"
      "catalog: {Candidate: $3}\n"
      "authority: [{basis: FERPA_DEIDENTIFIED, citation: \"34 CFR 99.31(b)(1)\"}]\n"
      "term: {effective: $4, expires: $5}\n"
      "purposes:\n"
      "  hiring_pipeline: Plan the hiring of teachers.\n"
      "  research: Granted to nobody.\n"
      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
      "grants:\n"
      "  - name: expected-completers\n"
      "    from: state-university\n"
      "    to: [river-unified]\n"
      "    purpose: hiring_pipeline\n"
      "    record: Candidate\n"
      "    operations: [READ]\n"
      "    rows:\n"
      "      expected_completion_year: {at_least: 2027}\n"
      "    fields:\n"
      "      candidate_id: pseudonymize\n"
      "      birth_date: {generalize: {to: YEAR, band: 5}}\n"
      "      home_postal_code: {generalize: {zip3: CENSUS_2000}}\n"
      "      subject_area: pass\n"
      "      expected_completion_year: pass\n"
      "      source.change_version: pass\n"
      "prohibitions: []\n",
      name, ca(kProgram), ca(kDistrict),
      Must(policy::Catalog::BuiltIn())->Find("Candidate")->digest(), day(-absl::Hours(48)),
      day(absl::Hours(24 * 300)));
}

void Deployment::Propose(absl::string_view name, absl::string_view text) {
  WriteFile(Path(absl::StrCat(prefix_, "mous/", name, ".yaml")), text);
}

void Deployment::Sign(absl::string_view name, absl::string_view organization,
                      absl::string_view signatory_of) {
  const Identity signatory =
      As(signatory_of.empty() ? organization : signatory_of, "signatory", "provost");
  Must(pki::SignFile(Path(absl::StrCat(prefix_, "mous/", name, ".yaml")).string(),
                     signatory.certificate, signatory.key, organization)
           .status());
}

void Deployment::ProposeSigned(absl::string_view name) {
  Propose(name, Document(name));
  Sign(name, kProgram);
  Sign(name, kDistrict);
}

std::string Deployment::Configuration() const {
  std::string organizations;
  for (const char* organization : {kProgram, kDistrict, kStranger}) {
    absl::SubstituteAndAppend(&organizations,
                              "  - name: $0\n"
                              "    ca_bundle: pki/$0/ca.pem\n"
                              "    crl: pki/$0/crl.pem\n"
                              "    signatory_bundle: pki/$0/signatory-ca.pem\n"
                              "    signatory_crl: pki/$0/signatory-crl.pem\n",
                              organization);
  }
  return absl::StrCat(
      "gateway: ", name_,
      "\n"
      "listen: 127.0.0.1:0\n"
      "port_file: ",
      prefix_,
      "port\n"
      "trust_domain: ",
      kTrustDomain,
      "\n"
      "tls: {certificate: pki/operator/gateway-demo.pem, key: pki/operator/gateway-demo.key}\n"
      "organizations:\n",
      organizations,
      "operator: {ca_bundle: pki/operator/ca.pem, crl: pki/operator/crl.pem}\n"
      "keys: keys\n"
      "store: {sqlite: sluice.db}\n"
      "log: {origin: sluice.example/test/1, tiles: ",
      prefix_, "log}\nmous: ", prefix_, "mous\n");
}

void Deployment::WriteConfiguration(absl::string_view text) {
  WriteFile(Path(prefix_ + "sluiced.yaml"), text);
}

absl::Status Deployment::TryStart() {
  const std::string config = Path(prefix_ + "sluiced.yaml").string();
  const std::string lines = Path(prefix_ + "sluiced.log").string();
  const fs::path port_file = Path(prefix_ + "port");
  fs::remove(port_file);
  if (fs::exists(lines)) lines_seen_ = fs::file_size(lines);

  process_ = fork();
  if (process_ == 0) {
    // Ends with the test, however that ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (descriptors_ > 0) {
      const rlimit limit{static_cast<rlim_t>(descriptors_), static_cast<rlim_t>(descriptors_)};
      setrlimit(RLIMIT_NOFILE, &limit);
    }
    const int out = open(lines.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execl(SLUICE_SLUICED, "sluiced", "--config", config.c_str(), nullptr);
    _exit(127);
  }
  if (process_ < 0) Must(absl::ErrnoToStatus(errno, "fork"));

  WaitFor("the gateway's port", [&] {
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_) process_ = -1;
    return process_ < 0 || (fs::exists(port_file) && absl::SimpleAtoi(ReadFile(port_file), &port_));
  });
  if (process_ > 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the gateway ended at once:\n", Lines()));
}

void Deployment::Signal(int signal) {
  if (kill(process_, signal) != 0) Must(absl::ErrnoToStatus(errno, "kill"));
}

int Deployment::Wait() {
  int status = 0;
  if (waitpid(process_, &status, 0) != process_) Must(absl::ErrnoToStatus(errno, "waitpid"));
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int Deployment::Check() const {
  const std::string command =
      absl::StrCat(SLUICE_SLUICED, " check-config --config ",
                   Path(prefix_ + "sluiced.yaml").string(), " >/dev/null 2>&1");
  return std::system(command.c_str());
}

int Deployment::Verify() const {
  const std::string command =
      absl::StrCat(SLUICE_SLUICED, " store verify --config ", Path("sluiced.yaml").string(), " >",
                   Path("verified").string(), " 2>&1");
  return WEXITSTATUS(std::system(command.c_str()));
}

int Deployment::RunAnother() const {
  const std::string command = absl::StrCat("timeout 30 ", SLUICE_SLUICED, " --config ",
                                           Path(prefix_ + "sluiced.yaml").string(), " >",
                                           Path("another.log").string(), " 2>&1");
  const int status = std::system(command.c_str());
  // 124: it did start, and ran until it was stopped.
  return WEXITSTATUS(status) == 124 ? 0 : status;
}

std::string Deployment::AnothersLines() const { return ReadFile(Path("another.log")); }

std::string Deployment::Lines() const { return ReadFile(Path(prefix_ + "sluiced.log")); }

void Deployment::WaitForLine(absl::string_view text) {
  WaitFor(absl::StrCat("the line \"", text, "\" in\n", Lines()), [&] {
    const std::string lines = Lines();
    const size_t found = lines.find(std::string(text), lines_seen_);
    if (found == std::string::npos) return false;
    lines_seen_ = found + text.size();
    return true;
  });
}

void Deployment::Reload() {
  lines_seen_ = Lines().size();
  Signal(SIGHUP);
  WaitForLine("\"reload\"");
}

std::string Deployment::target() const { return absl::StrCat("127.0.0.1:", port_); }

std::unique_ptr<client::Gateway> Deployment::ConnectTo(const std::string& target,
                                                       const Identity& identity) const {
  client::ConnectionOptions options;
  options.target = target;
  options.ca_file = Path("pki/operator/ca.pem").string();
  options.certificate_file = identity.certificate;
  options.key_file = identity.key;
  options.server_name = "localhost";
  return Must(client::Connect(options));
}

v1::Candidate MakeCandidate(int number) {
  static constexpr const char* kSubjects[] = {"Mathematics", "Physics", "Chemistry"};
  v1::Candidate candidate;
  candidate.set_candidate_id(absl::StrCat("C", number));
  candidate.set_first_name("Ana");
  candidate.set_last_surname(absl::StrCat("Meyer", number));
  candidate.mutable_birth_date()->set_year(1995 + number % 10);
  candidate.mutable_birth_date()->set_month(1 + number % 12);
  candidate.mutable_birth_date()->set_day(1 + number % 28);
  candidate.set_home_postal_code(absl::StrCat(60000 + number % 1000));
  candidate.set_subject_area(
      absl::StrCat("uri://ed-fi.org/AcademicSubjectDescriptor#", kSubjects[number % 3]));
  candidate.set_expected_completion_year(2027 + number % 3);
  candidate.mutable_source()->set_change_version(number);
  return candidate;
}

absl::StatusOr<v1::PublishRecordsResponse> Publish(client::Gateway& gateway,
                                                   absl::string_view request_id, int begin,
                                                   int end) {
  v1::PublishRecordsRequest request;
  request.set_parent(absl::StrCat("organizations/", kProgram));
  request.set_record_type("Candidate");
  request.set_request_id(std::string(request_id));
  for (int number = begin; number < end; ++number) {
    request.add_records(MakeCandidate(number).SerializeAsString());
  }
  std::unique_ptr<client::PublishStream> stream = gateway.PublishRecords();
  v1::PublishRecordsResponse response;
  if (stream->Write(request) && stream->Read(&response)) {
    stream->WritesDone();
    return response;
  }
  const absl::Status status = stream->Finish();
  return status.ok() ? absl::DataLossError("a publish ended without an answer") : status;
}

v1::ReadRecordsRequest ReadRequest(absl::string_view mou) {
  v1::ReadRecordsRequest request;
  request.set_mou(std::string(mou));
  request.set_purpose("hiring_pipeline");
  request.set_record_type("Candidate");
  return request;
}

absl::Status Read(client::Gateway& gateway, const v1::ReadRecordsRequest& request, ReadRows& rows) {
  std::unique_ptr<client::ReadStream> stream = gateway.ReadRecords(request);
  v1::ReadRecordsResponse response;
  while (stream->Read(&response)) {
    if (response.has_header()) rows.header = response.header();
    if (response.has_trailer()) rows.complete = true;
    for (int i = 0; i < response.batch().records_size(); ++i) {
      rows.row_ids.push_back(response.batch().row_ids(i));
      if (!rows.candidates.emplace_back().ParseFromString(response.batch().records(i))) {
        return absl::DataLossError("a row is no Candidate");
      }
    }
  }
  return stream->Finish();
}

std::string Reason(const absl::Status& status) { return client::ErrorOf(status).reason; }

}  // namespace sluice::tests
