#include "server/audit/witness.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

constexpr absl::Duration kTimeOff = absl::Minutes(5);
constexpr char kSizeType[] = "text/x.tlog.size";

// `409 Conflict`: a size in decimal and a newline, nothing else.
std::optional<uint64_t> SizeIn(const WitnessAnswer& answer) {
  const absl::string_view type =
      absl::string_view(answer.content_type).substr(0, answer.content_type.find(';'));
  if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(type), kSizeType)) return std::nullopt;
  absl::string_view digits = answer.body;
  uint64_t size = 0;
  if (!absl::ConsumeSuffix(&digits, "\n") || !absl::SimpleAtoi(digits, &size) ||
      absl::StrCat(size) != digits) {
    return std::nullopt;
  }
  return size;
}

WitnessOutcome ReadCosigned(const WitnessAnswer& answer, const WitnessQuestion& question,
                            const CosignatureVerifier& verifier, absl::Time now) {
  absl::StatusOr<Cosignature> cosignature = verifier.Find(answer.body, question.Text());
  if (absl::IsInvalidArgument(cosignature.status())) {
    return WitnessTrouble{kWitnessBadAnswer, "it answered 200 with what is no cosignature"};
  }
  if (!cosignature.ok()) {
    return WitnessTrouble{kWitnessBadCosignature, std::string(cosignature.status().message())};
  }
  if (cosignature->time < now - kTimeOff || cosignature->time > now + kTimeOff) {
    return WitnessTrouble{kWitnessBadCosignature,
                          absl::StrCat("its cosignature is of ",
                                       absl::FormatTime(cosignature->time, absl::UTCTimeZone()),
                                       ": are the clocks right?")};
  }
  return *std::move(cosignature);
}

WitnessOutcome ReadConflict(const WitnessAnswer& answer, const WitnessQuestion& question) {
  const std::optional<uint64_t> size = SizeIn(answer);
  if (!size.has_value()) {
    return WitnessTrouble{kWitnessBadAnswer, "it answered 409 without its size"};
  }
  if (*size != question.old_size) return WitnessSize{*size};
  if (*size == question.size) {
    return WitnessTrouble{
        kWitnessConflict,
        absl::StrCat("it has cosigned other ", *size, " entries of this log than there are now")};
  }
  return WitnessTrouble{kWitnessBadAnswer, "it answered 409 to the size that it names"};
}

}  // namespace

absl::StatusOr<WitnessUrl> ParseWitnessUrl(absl::string_view url) {
  const absl::Status wrong =
      absl::InvalidArgumentError("its URL must be https://HOST[:PORT][/PREFIX]");
  if (!absl::ConsumePrefix(&url, "https://")) return wrong;
  WitnessUrl parsed;
  const size_t slash = std::min(url.find('/'), url.size());
  absl::string_view prefix = url.substr(slash);
  while (absl::ConsumeSuffix(&prefix, "/")) {
  }
  const std::pair<absl::string_view, absl::string_view> host =
      absl::StrSplit(url.substr(0, slash), absl::MaxSplits(':', 1));
  const bool has_port = host.first.size() < slash;
  if (has_port && (!absl::SimpleAtoi(host.second, &parsed.port) || parsed.port < 1 ||
                   parsed.port > 65535 || absl::StrCat(parsed.port) != host.second)) {
    return wrong;
  }
  const auto in_host = [](char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-'; };
  const auto in_path = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("/._~-", c);
  };
  if (host.first.empty() || !std::all_of(host.first.begin(), host.first.end(), in_host) ||
      !std::all_of(prefix.begin(), prefix.end(), in_path)) {
    return wrong;
  }
  parsed.host = std::string(host.first);
  parsed.prefix = std::string(prefix);
  return parsed;
}

absl::string_view WitnessQuestion::Text() const {
  return absl::string_view(note).substr(0, note.rfind("\n\n") + 1);
}

std::string WitnessQuestion::Body(const std::vector<Hash>& proof) const {
  std::string body = absl::StrCat("old ", old_size, "\n");
  for (const Hash& hash : proof) {
    absl::StrAppend(&body, absl::Base64Escape(HashBytes(hash)), "\n");
  }
  absl::StrAppend(&body, "\n", note);
  return body;
}

WitnessOutcome ReadWitnessAnswer(const WitnessAnswer& answer, const WitnessQuestion& question,
                                 const CosignatureVerifier& verifier, absl::Time now) {
  switch (answer.status) {
    case 200:
      return ReadCosigned(answer, question, verifier, now);
    case 409:
      return ReadConflict(answer, question);
    case 422:
      return WitnessTrouble{kWitnessConflict,
                            absl::StrCat("the log does not continue the ", question.old_size,
                                         " entries that it has cosigned")};
    case 403:
      return WitnessTrouble{kWitnessKeyRefused, "it trusts another key for this log"};
    case 404:
      return WitnessTrouble{kWitnessLogUnknown, "it knows no log of this origin"};
    default:
      return WitnessTrouble{kWitnessBadAnswer, absl::StrCat("it answered ", answer.status)};
  }
}

}  // namespace sluice::server
