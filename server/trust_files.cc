#include "server/trust_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::server {
namespace {

constexpr size_t kMaxFile = 16 << 20;

void Read(const std::string& path, std::string& out, std::vector<std::string>& problems) {
  if (path.empty()) return;
  std::ifstream file(path, std::ios::binary);
  out.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file || out.empty() || out.size() > kMaxFile) {
    problems.push_back(absl::StrCat(path, " can't be read, or is empty"));
  }
}

TrustAnchors Read(const OrganizationConfig& from, std::vector<std::string>& problems) {
  TrustAnchors anchors;
  anchors.organization = from.name;
  Read(from.ca_bundle, anchors.ca_bundle, problems);
  Read(from.crl, anchors.crl, problems);
  Read(from.signatory_bundle, anchors.signatory_bundle, problems);
  Read(from.signatory_crl, anchors.signatory_crl, problems);
  return anchors;
}

}  // namespace

absl::StatusOr<TrustConfig> ReadTrust(const Config& config) {
  std::vector<std::string> problems;
  TrustConfig trust;
  trust.trust_domain = config.trust_domain;
  trust.crl_grace = config.crl_grace;
  for (const OrganizationConfig& organization : config.organizations) {
    trust.organizations.push_back(Read(organization, problems));
  }
  if (config.operator_trust) trust.operator_anchors = Read(*config.operator_trust, problems);
  if (!problems.empty()) {
    return absl::FailedPreconditionError(absl::StrJoin(problems, "; "));
  }
  return trust;
}

absl::Status ReplaceFile(absl::string_view path, absl::string_view content) {
  const std::string target(path);
  const std::string temporary = absl::StrCat(path, ".new");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::FailedPreconditionError(absl::StrCat(temporary, " can't be written"));
  const bool written =
      write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      fsync(fd) == 0;
  if (close(fd) != 0 || !written || rename(temporary.c_str(), target.c_str()) != 0) {
    unlink(temporary.c_str());
    return absl::FailedPreconditionError(absl::StrCat(path, " can't be written"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
