#include "client/evidence_bundle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::client {
namespace {

constexpr absl::string_view kFirstLine = "sluice evidence bundle 1";
// In the order in which a bundle names them.
constexpr absl::string_view kFilterNames[] = {
    "type", "organization", "principal", "mou",   "purpose", "result",
    "code", "record-type",  "operation", "since", "until"};
// Of a proof: two a level of a tree of 2^64 entries.
constexpr size_t kMaxHashes = 128;
constexpr size_t kMaxNoteBytes = size_t{1} << 20;
constexpr size_t kMaxOrdinals = 10000;

std::string Base64(absl::string_view bytes) { return absl::Base64Escape(bytes); }
std::string Base64(const TreeHash& hash) {
  return Base64(absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::string DigestLine(absl::string_view text) {
  TreeHash hash = {};
  EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  return absl::StrCat("sha256 ", Base64(hash), "\n");
}

void AppendHashes(const std::vector<TreeHash>& hashes, std::string& text) {
  for (const TreeHash& hash : hashes) absl::StrAppend(&text, "hash ", Base64(hash), "\n");
}

// Reads from the front; the line is the one that was read last.
class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  absl::Status Wrong(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat("line ", line_, ": ", what));
  }
  // Whether the next line begins with this word.
  bool IsNext(absl::string_view word) const {
    return absl::StartsWith(rest_, word) && rest_.size() > word.size() &&
           (rest_[word.size()] == ' ' || rest_[word.size()] == '\n');
  }
  bool AtEnd() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }

  // What follows the word, as so many parts; the last has what is left, spaces and all.
  absl::StatusOr<std::vector<std::string>> Line(absl::string_view word, size_t parts) {
    ++line_;
    const size_t end = rest_.find('\n');
    if (end == absl::string_view::npos) return Wrong("the bundle ends here, and is not whole");
    absl::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    if (!absl::ConsumePrefix(&line, word) || !absl::ConsumePrefix(&line, " ")) {
      return Wrong(absl::StrCat("\"", word, "\" should stand here"));
    }
    std::vector<std::string> found =
        absl::StrSplit(line, absl::MaxSplits(' ', static_cast<int>(parts) - 1));
    if (found.size() != parts ||
        std::any_of(found.begin(), found.end(), [](const auto& part) { return part.empty(); })) {
      return Wrong(absl::StrCat("\"", word, "\" is followed by ", parts, " values"));
    }
    return found;
  }
  absl::StatusOr<uint64_t> Number(const std::string& text) const {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(text, &number) || absl::StrCat(number) != text) {
      return Wrong(absl::StrCat("\"", text, "\" is no number"));
    }
    return number;
  }
  absl::StatusOr<std::string> Base64Bytes(const std::string& text) const {
    std::string bytes;
    if (!absl::Base64Unescape(text, &bytes) || Base64(bytes) != text) {
      return Wrong("has bytes that are no base64");
    }
    return bytes;
  }
  absl::StatusOr<TreeHash> Hash(const std::string& text) const {
    TreeHash hash = {};
    const absl::StatusOr<std::string> bytes = Base64Bytes(text);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() != hash.size()) return Wrong("has a hash that is not 32 bytes long");
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    return hash;
  }
  absl::StatusOr<std::string> Bytes(uint64_t size, size_t most) {
    if (size > most)
      return Wrong(absl::StrCat(size, " bytes are more than the ", most, " allowed"));
    if (rest_.size() <= size) return Wrong("the bundle ends within what follows, and is not whole");
    if (rest_[size] != '\n') return Wrong("what follows has another length than is said here");
    std::string bytes(rest_.substr(0, size));
    rest_.remove_prefix(size + 1);
    line_ += static_cast<size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
    return bytes;
  }
  absl::StatusOr<std::vector<TreeHash>> Hashes() {
    std::vector<TreeHash> hashes;
    while (IsNext("hash")) {
      const auto line = Line("hash", 1);
      if (!line.ok()) return line.status();
      const absl::StatusOr<TreeHash> hash = Hash(line->front());
      if (!hash.ok()) return hash.status();
      if (hashes.size() == kMaxHashes) return Wrong("no proof has so many hashes");
      hashes.push_back(*hash);
    }
    return hashes;
  }
  // `WORD BYTES` and these bytes.
  absl::StatusOr<std::string> Note(absl::string_view word) {
    const auto line = Line(word, 1);
    if (!line.ok()) return line.status();
    const absl::StatusOr<uint64_t> size = Number(line->front());
    if (!size.ok()) return size.status();
    return Bytes(*size, kMaxNoteBytes);
  }

 private:
  absl::string_view rest_;
  size_t line_ = 0;
};

absl::Status ReadScope(Reader& reader, EvidenceBundle& bundle) {
  bundle.is_range = reader.IsNext("range");
  const auto line = reader.Line(bundle.is_range ? "range" : "selection", 2);
  if (!line.ok()) return line.status();
  const absl::StatusOr<uint64_t> begin = reader.Number((*line)[0]);
  if (!begin.ok()) return begin.status();
  const absl::StatusOr<uint64_t> end = reader.Number((*line)[1]);
  if (!end.ok()) return end.status();
  if (*end < *begin || (bundle.is_range && *end == *begin)) {
    return reader.Wrong("ends before it begins");
  }
  bundle.begin = *begin;
  bundle.end = *end;
  if (bundle.is_range) return absl::OkStatus();
  size_t next = 0;  // of the names
  while (reader.IsNext("filter")) {
    auto filter = reader.Line("filter", 2);
    if (!filter.ok()) return filter.status();
    while (next < std::size(kFilterNames) && kFilterNames[next] != (*filter)[0]) ++next;
    if (next++ == std::size(kFilterNames)) {
      return reader.Wrong("a filter of this name is not known, or does not stand here");
    }
    bundle.filter.emplace_back(std::move((*filter)[0]), std::move((*filter)[1]));
  }
  return absl::OkStatus();
}

absl::Status ReadSubject(Reader& reader, EvidenceBundle& bundle) {
  if (bundle.is_range || !bundle.filter.empty() || !reader.IsNext("subject")) {
    return absl::OkStatus();
  }
  const auto owner = reader.Line("subject", 1);
  if (!owner.ok()) return owner.status();
  bundle.subject.emplace();
  bundle.subject->owner = owner->front();
  if (!reader.IsNext("ordinals")) return absl::OkStatus();
  const auto line = reader.Line("ordinals", 1);
  if (!line.ok()) return line.status();
  std::vector<uint32_t>& ordinals = bundle.subject->ordinals;
  for (const std::string& text : std::vector<std::string>(absl::StrSplit(line->front(), ' '))) {
    const absl::StatusOr<uint64_t> ordinal = reader.Number(text);
    if (!ordinal.ok()) return ordinal.status();
    if (*ordinal > std::numeric_limits<uint32_t>::max() || ordinals.size() == kMaxOrdinals ||
        (!ordinals.empty() && *ordinal <= ordinals.back())) {
      return reader.Wrong("has ordinals that are too large, too many, or not in order");
    }
    ordinals.push_back(static_cast<uint32_t>(*ordinal));
  }
  return absl::OkStatus();
}

absl::Status ReadEntry(Reader& reader, const EvidenceBundle& bundle, EvidenceBundle::Run& run) {
  const auto line = reader.Line("entry", 3);
  if (!line.ok()) return line.status();
  const absl::StatusOr<uint64_t> index = reader.Number((*line)[0]);
  if (!index.ok()) return index.status();
  if (*index != run.first + run.entries.size()) {
    return reader.Wrong(absl::StrCat("entry ", *index, " stands where entry ",
                                     run.first + run.entries.size(), " should"));
  }
  const absl::StatusOr<uint64_t> size = reader.Number((*line)[1]);
  if (!size.ok()) return size.status();
  const absl::StatusOr<TreeHash> leaf = reader.Hash((*line)[2]);
  if (!leaf.ok()) return leaf.status();
  absl::StatusOr<std::string> body = reader.Bytes(*size, EvidenceBundle::kMaxEntryBytes);
  if (!body.ok()) {
    return absl::DataLossError(absl::StrCat("entry ", *index, ": ", body.status().message()));
  }
  EvidenceBundle::Entry& entry = run.entries.emplace_back();
  entry.body = *std::move(body);
  entry.leaf = *leaf;
  if (!reader.IsNext("opening")) return absl::OkStatus();
  const auto opening = reader.Line("opening", 2);
  if (!opening.ok()) return opening.status();
  if (!bundle.subject.has_value() || bundle.subject->ordinals.empty()) {
    return reader.Wrong("an opening stands in a bundle without ordinals");
  }
  absl::StatusOr<std::string> salt = reader.Base64Bytes((*opening)[0]);
  if (!salt.ok()) return salt.status();
  absl::StatusOr<std::string> value = reader.Base64Bytes((*opening)[1]);
  if (!value.ok()) return value.status();
  entry.opening = EvidenceBundle::Opening{*std::move(salt), *std::move(value)};
  return absl::OkStatus();
}

absl::Status ReadRun(Reader& reader, EvidenceBundle& bundle) {
  const auto line = reader.Line("run", 2);
  if (!line.ok()) return line.status();
  const absl::StatusOr<uint64_t> first = reader.Number((*line)[0]);
  if (!first.ok()) return first.status();
  const absl::StatusOr<uint64_t> count = reader.Number((*line)[1]);
  if (!count.ok()) return count.status();
  if (*count == 0 || *count > bundle.end || *first < bundle.begin || *first > bundle.end - *count) {
    return reader.Wrong("a run of entries is not within what the bundle is about");
  }
  if (!bundle.runs.empty() &&
      *first <= bundle.runs.back().first + bundle.runs.back().entries.size()) {
    return reader.Wrong("runs of entries are not apart and in order");
  }
  EvidenceBundle::Run run;
  run.first = *first;
  absl::StatusOr<std::vector<TreeHash>> proof = reader.Hashes();
  if (!proof.ok()) return proof.status();
  run.proof = *std::move(proof);
  while (run.entries.size() < *count) {
    if (const absl::Status read = ReadEntry(reader, bundle, run); !read.ok()) return read;
  }
  bundle.runs.push_back(std::move(run));
  return absl::OkStatus();
}

}  // namespace

std::string EvidenceBundle::Write() const {
  std::string text = absl::StrCat(kFirstLine, "\nvkey ", vkey, "\n",
                                  is_range ? "range " : "selection ", begin, " ", end, "\n");
  for (const auto& [name, value] : filter)
    absl::StrAppend(&text, "filter ", name, " ", value, "\n");
  if (subject.has_value()) {
    absl::StrAppend(&text, "subject ", subject->owner, "\n");
    if (!subject->ordinals.empty()) {
      text += "ordinals";
      for (const uint32_t ordinal : subject->ordinals) absl::StrAppend(&text, " ", ordinal);
      text += "\n";
    }
  }
  absl::StrAppend(&text, "checkpoint ", note.size(), "\n", note, "\n");
  if (earlier.has_value()) {
    absl::StrAppend(&text, "earlier ", earlier->note.size(), "\n", earlier->note, "\n");
    AppendHashes(earlier->proof, text);
  }
  for (const Run& run : runs) {
    absl::StrAppend(&text, "run ", run.first, " ", run.entries.size(), "\n");
    AppendHashes(run.proof, text);
    for (size_t i = 0; i < run.entries.size(); ++i) {
      const Entry& entry = run.entries[i];
      absl::StrAppend(&text, "entry ", run.first + i, " ", entry.body.size(), " ",
                      Base64(entry.leaf), "\n", entry.body, "\n");
      if (!entry.opening.has_value()) continue;
      absl::StrAppend(&text, "opening ", Base64(entry.opening->salt), " ",
                      Base64(entry.opening->value), "\n");
    }
  }
  return absl::StrCat(text, DigestLine(text));
}

absl::StatusOr<EvidenceBundle> EvidenceBundle::Parse(absl::string_view text) {
  Reader reader(text);
  if (text.size() > kMaxBytes) return reader.Wrong("the bundle is larger than 64 MiB");
  EvidenceBundle bundle;
  const auto version = reader.Line("sluice evidence bundle", 1);
  if (!version.ok()) return absl::DataLossError("this is no evidence bundle");
  if (version->front() != "1") return reader.Wrong("a bundle of this version is not known");
  const auto vkey = reader.Line("vkey", 1);
  if (!vkey.ok()) return vkey.status();
  bundle.vkey = vkey->front();
  if (const absl::Status read = ReadScope(reader, bundle); !read.ok()) return read;
  if (const absl::Status read = ReadSubject(reader, bundle); !read.ok()) return read;
  absl::StatusOr<std::string> note = reader.Note("checkpoint");
  if (!note.ok()) return note.status();
  bundle.note = *std::move(note);
  if (reader.IsNext("earlier")) {
    absl::StatusOr<std::string> earlier = reader.Note("earlier");
    if (!earlier.ok()) return earlier.status();
    absl::StatusOr<std::vector<TreeHash>> proof = reader.Hashes();
    if (!proof.ok()) return proof.status();
    bundle.earlier = Earlier{*std::move(earlier), *std::move(proof)};
  }
  while (reader.IsNext("run")) {
    if (const absl::Status read = ReadRun(reader, bundle); !read.ok()) return read;
  }
  const absl::string_view digested = text.substr(0, text.size() - reader.rest().size());
  const auto digest = reader.Line("sha256", 1);
  if (!digest.ok()) return digest.status();
  if (!reader.AtEnd()) return reader.Wrong("something follows the bundle's end");
  bundle.is_undamaged = DigestLine(digested) == absl::StrCat("sha256 ", digest->front(), "\n");
  return bundle;
}

}  // namespace sluice::client
