#include "server/audit/entry_encoding.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/subject_bitmap.h"
#include "server/audit/entry_words.h"

namespace sluice::server {
namespace {

using ::sluice::policy::PrincipalKind;

// So that a permit under an MOU of any size has its place in the log: far below kMaxEntryBytes, far
// above what people write.
constexpr size_t kMaxGrantNames = 200;

// Sorted, each once.
bool IsRising(const std::vector<uint32_t>& ordinals) {
  return std::adjacent_find(ordinals.begin(), ordinals.end(), std::greater_equal<uint32_t>()) ==
         ordinals.end();
}

// Writes the members of one entry, in the order that AUDIT's table of fields has.
class Encoder {
 public:
  explicit Encoder(const RandomSource& random) : random_(random) {}

  absl::StatusOr<EncodedEntry> Encode(const Entry& entry) {
    std::visit([this](const auto& typed) { Write(typed); }, entry);
    if (status_.ok() && !json_.ok()) Refuse("a value");
    if (!status_.ok()) return status_;
    if (encoded_.request.empty()) {
      absl::StatusOr<std::string> request = RandomHex(random_, 16);
      if (!request.ok()) return request.status();
      encoded_.request = *std::move(request);
    }
    if (!IsLowerHex(encoded_.request, 32)) {
      return absl::InvalidArgumentError("an entry's request id has 32 hexadecimal digits");
    }
    if (!json_.text().empty()) encoded_.members = absl::StrCat(",", json_.text());
    return std::move(encoded_);
  }

 private:
  void Write(const DecisionEntry& entry) {
    encoded_.type = "decision";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    WriteTerms(entry.terms);
    NameIfClosed("operation", entry.operation);
    const bool permit = entry.code == v1::DENIAL_CODE_UNSPECIFIED;
    json_.String("result", permit ? "PERMIT" : "DENIAL");
    if (!permit) {
      absl::string_view code = v1::DenialCode_Name(entry.code);
      absl::ConsumePrefix(&code, "DENIAL_CODE_");
      Name("code", code);
    }
    Grants(entry.grants);
    Names("parties", entry.parties);
    if (!entry.filter.empty()) {
      json_.String("filter",
                   Commit("fl1", entry.caller.principal.organization, "filter", entry.filter));
    }
    NameIfClosed("as", entry.as);
    if (entry.count != 1) json_.Integer("count", entry.count);
  }

  void Write(const DisclosureEntry& entry) {
    encoded_.type = "disclosure";
    encoded_.request = entry.request;
    const std::string& owner = entry.terms.owner;
    if (!IsClosedName(owner)) Refuse("owner");
    WriteCaller(entry.caller);
    WriteTerms(entry.terms);
    Grants(entry.grants);
    json_.BeginArray("fields");
    for (const policy::PlanField& field : entry.fields) {
      const std::string rule = RuleText(field.rule);
      if (!IsCatalogName(field.field->path) || !IsCatalogName(rule)) Refuse("fields");
      json_.BeginObject();
      json_.String("path", field.field->path);
      json_.String("rule", rule);
      json_.EndObject();
    }
    json_.EndArray();
    if (!IsRising(entry.subjects)) Refuse("subjects");
    json_.BeginObject("subjects");
    json_.String("n", Commit("sn1", owner, "subjects.n", absl::StrCat(entry.subjects.size())));
    json_.String("commit",
                 Commit("bm1", owner, "subjects", policy::SubjectBitmap::Write(entry.subjects)));
    encoded_.subjects_of = owner;
    for (const uint32_t ordinal : entry.subjects) {
      const uint32_t container = policy::ContainerOf(ordinal);
      if (encoded_.containers.empty() || encoded_.containers.back() != container) {
        encoded_.containers.push_back(container);
      }
    }
    json_.EndObject();
    json_.BeginObject("rows");
    json_.Integer("released", entry.rows);
    json_.EndObject();
    Unsigned("of", entry.decision_index);
    Unsigned("chunk", entry.chunk);
  }

  void Write(const OutcomeEntry& entry) {
    encoded_.type = "outcome";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    NameIfClosed("owner", entry.owner);
    Name("status", entry.status);
    if (entry.aborted) json_.True("aborted");
    if (entry.status != "unknown") {
      json_.BeginObject("rows");
      json_.String("considered",
                   Commit("rc1", entry.owner, "rows.considered", absl::StrCat(entry.considered)));
      json_.Integer("released", entry.released);
      json_.String("withheld",
                   Commit("rw1", entry.owner, "rows.withheld", absl::StrCat(entry.withheld)));
      json_.EndObject();
      json_.Integer("bytes", entry.bytes);
    }
    Unsigned("of", entry.decision_index);
  }

  void Write(const MouEntry& entry) {
    encoded_.type = "mou";
    encoded_.request = entry.request;
    if (!entry.request.empty()) WriteCaller(entry.caller);
    Name("mou", entry.mou);
    json_.Integer("version", entry.version);
    Digest("document", entry.document_digest);
    Name("state", entry.state);
    if (!entry.action.empty()) Name("action", entry.action);
    if (!entry.grant.empty()) Name("grant", entry.grant);
    if (entry.ends.has_value()) Name("ends", absl::FormatCivilTime(*entry.ends));
    if (!entry.reason.empty()) Name("reason", entry.reason);
    if (entry.as_of.has_value()) Name("as_of", absl::FormatCivilTime(*entry.as_of));
    if (!entry.standing_digest.empty()) Digest("standing", entry.standing_digest);
    if (entry.previous_index.has_value()) Unsigned("previous", *entry.previous_index);
    Names("parties", entry.parties);
    json_.BeginArray("signatures");
    for (const MouEntry::Signature& signature : entry.signatures) {
      json_.BeginObject();
      Name("organization", signature.organization);
      Digest("spki", signature.signer_spki);
      json_.BeginArray("chain");
      for (const std::string& digest : signature.chain) {
        if (!IsDigest(digest)) Refuse("chain");
        json_.String(digest);
      }
      json_.EndArray();
      NameIfClosed("crl", signature.crl_number);
      json_.Integer("received_ms", absl::ToUnixMillis(signature.received));
      json_.EndObject();
    }
    json_.EndArray();
  }

  void Write(const OrdinalsEntry& entry) {
    encoded_.type = "ordinals";
    Name("owner", entry.owner);
    Unsigned("begin", entry.begin);
    Unsigned("end", entry.end);
    if (!IsBase64(entry.root)) Refuse("root");
    json_.String("root", entry.root);
  }

  void Write(const WithdrawEntry& entry) {
    encoded_.type = "withdraw";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    Name("owner", entry.owner);
    json_.BeginObject("positions");
    json_.Integer("first", entry.first);
    json_.Integer("last", entry.last);
    json_.Integer("at", entry.position);
    json_.EndObject();
    json_.BeginObject("rows");
    json_.Integer("deleted", entry.deleted);
    json_.Integer("restored", entry.restored);
    json_.Integer("undeleted", entry.undeleted);
    json_.Integer("unchanged", entry.unchanged);
    json_.Integer("kept", entry.kept);
    json_.EndObject();
    Unsigned("of", entry.decision_index);
  }

  void Write(const AdminEntry& entry) {
    encoded_.type = "admin";
    Name("action", entry.action);
    if (!entry.organization.empty()) Name("organization", entry.organization);
    if (!entry.digest.empty()) Digest("digest", entry.digest);
  }

  void Write(const OrganizationEntry& entry) {
    encoded_.type = "admin";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    json_.String("action", "ORGANIZATION");
    Name("organization", entry.organization);
    Digests("before", entry.before);
    Digests("after", entry.after);
  }

  void Write(const OptOutEntry& entry) {
    encoded_.type = "admin";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    json_.String("action", entry.opted_out ? "OPT_OUT" : "OPT_IN");
    Name("owner", entry.owner);
    if (!entry.purpose.empty()) Name("purpose", entry.purpose);
    json_.Integer("subjects", entry.subjects);
  }

  void Write(const KeyEntry& entry) {
    encoded_.type = "key";
    encoded_.request = entry.request;
    if (!entry.request.empty()) WriteCaller(entry.caller);
    Name("action", entry.action);
    if (!entry.owner.empty()) Name("owner", entry.owner);
    Name("key", entry.key);
    if (entry.version != 0) json_.Integer("version", entry.version);
    if (!entry.digest.empty()) Digest("digest", entry.digest);
    if (entry.action == kDestroyedAction) json_.Integer("unreadable", entry.unreadable);
    Names("parties", entry.parties);
  }

  void Write(const ReadEntry& entry) {
    encoded_.type = "read";
    encoded_.request = entry.request;
    WriteCaller(entry.caller);
    Name("operation", entry.operation);
    Unsigned("begin", entry.begin);
    Unsigned("end", entry.end);
  }

  void Write(const ErasureEntry& entry) {
    encoded_.type = "erasure";
    encoded_.request = entry.request;
    if (!entry.request.empty()) WriteCaller(entry.caller);
    if (!entry.owner.empty()) Name("owner", entry.owner);
    Name("reason", entry.reason);
    if (!entry.subjects.empty()) {
      if (!IsRising(entry.subjects)) Refuse("subjects");
      json_.String("erased", Commit("er1", entry.owner, "erased",
                                    policy::SubjectBitmap::Write(entry.subjects)));
    }
    if (!entry.openings.empty()) {
      json_.BeginArray("openings");
      for (const ErasureEntry::Openings& openings : entry.openings) {
        json_.BeginObject();
        Name("field", openings.field);
        Unsigned("begin", openings.begin);
        Unsigned("end", openings.end);
        json_.EndObject();
      }
      json_.EndArray();
    }
    Names("parties", entry.parties);
  }

  void Write(const GapEntry& entry) {
    encoded_.type = "gap";
    if (!IsLowerHex(entry.boot, 32)) Refuse("boot");
    json_.String("of_boot", entry.boot);
    Unsigned("begin", entry.begin);
    Unsigned("end", entry.end);
  }

  void Write(const HeartbeatEntry&) { encoded_.type = "heartbeat"; }

  // A system's name stands in the clear, a person's is committed to.
  void WriteCaller(const EntryCaller& caller) {
    const Principal& principal = caller.principal;
    json_.BeginObject("caller");
    NameIfClosed("organization", principal.organization);
    if (principal.kind == PrincipalKind::kSystem) {
      NameIfClosed("system", principal.name);
    } else if (!principal.name.empty()) {
      json_.String(KindName(principal.kind),
                   Commit("nm1", principal.organization, "caller", principal.name));
    }
    if (IsDigest(caller.spki)) json_.String("spki", caller.spki);
    json_.EndObject();
  }

  void WriteTerms(const EntryTerms& terms) {
    NameIfClosed("mou", terms.mou);
    if (terms.version != 0) json_.Integer("version", terms.version);
    if (!terms.document_digest.empty()) Digest("document", terms.document_digest);
    if (!terms.catalog_digest.empty()) Digest("catalog", terms.catalog_digest);
    NameIfClosed("purpose", terms.purpose);
    if (!terms.authority.empty()) Names("authority", terms.authority);
    NameIfClosed("record", terms.record_type);
    NameIfClosed("owner", terms.owner);
  }

  void Name(absl::string_view key, absl::string_view value) {
    if (!IsClosedName(value)) Refuse(key);
    json_.String(key, value);
  }

  // Of what a request may have made up.
  void NameIfClosed(absl::string_view key, absl::string_view value) {
    if (IsClosedName(value)) json_.String(key, value);
  }

  void Names(absl::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    json_.BeginArray(key);
    for (const std::string& value : values) {
      if (!IsClosedName(value)) Refuse(key);
      json_.String(value);
    }
    json_.EndArray();
  }

  // The first names, and the count of the others.
  void Grants(const std::vector<std::string>& names) {
    if (names.size() <= kMaxGrantNames) return Names("grants", names);
    if (!std::all_of(names.begin(), names.end(), IsClosedName)) Refuse("grants");
    Names("grants", {names.begin(), names.begin() + kMaxGrantNames});
    Unsigned("more_grants", names.size() - kMaxGrantNames);
  }

  void Digest(absl::string_view key, absl::string_view value) {
    if (!IsDigest(value)) Refuse(key);
    json_.String(key, value);
  }

  void Digests(absl::string_view key, const TrustDigests& digests) {
    if (digests.ca_bundle.empty()) return;
    json_.BeginObject(key);
    for (const auto& [name, digest] :
         {std::pair("ca_bundle", &digests.ca_bundle), std::pair("crl", &digests.crl),
          std::pair("signatory_bundle", &digests.signatory_bundle),
          std::pair("signatory_crl", &digests.signatory_crl)}) {
      if (!digest->empty()) Digest(name, *digest);
    }
    json_.EndObject();
  }

  void Unsigned(absl::string_view key, uint64_t value) {
    if (value > static_cast<uint64_t>(kMaxEntryInteger)) return Refuse(key);
    json_.Integer(key, static_cast<int64_t>(value));
  }

  // The commitment in base64; its opening goes beside the entry.
  std::string Commit(absl::string_view label, absl::string_view owner, absl::string_view field,
                     std::string value) {
    std::string salt(kSaltBytes, '\0');
    const absl::Status filled =
        random_(absl::MakeSpan(reinterpret_cast<uint8_t*>(salt.data()), salt.size()));
    if (!filled.ok() && status_.ok()) status_ = filled;
    const Hash hash = Commitment(label, salt, value);
    encoded_.openings.push_back(
        {std::string(owner), std::string(field), std::move(salt), std::move(value)});
    return absl::Base64Escape(HashBytes(hash));
  }

  // Names the member; what stood in it is not repeated.
  void Refuse(absl::string_view key) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("an entry of type ", encoded_.type, " can't hold its ", key));
    }
  }

  const RandomSource& random_;
  JsonWriter json_;
  EncodedEntry encoded_;
  absl::Status status_;
};

}  // namespace

absl::Status SystemRandom(absl::Span<uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
    return absl::InternalError("the system has no randomness");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RandomHex(const RandomSource& random, size_t bytes) {
  std::string raw(bytes, '\0');
  const absl::Status filled =
      random(absl::MakeSpan(reinterpret_cast<uint8_t*>(raw.data()), raw.size()));
  if (!filled.ok()) return filled;
  return absl::BytesToHexString(raw);
}

Hash Commitment(absl::string_view label, absl::string_view salt, absl::string_view value) {
  return Sha256(absl::StrCat(label, salt, value));
}

absl::StatusOr<EncodedEntry> EncodeEntry(const Entry& entry, const RandomSource& random) {
  return Encoder(random).Encode(entry);
}

absl::StatusOr<std::string> StampEntry(const EncodedEntry& entry, const EntryStamp& stamp) {
  JsonWriter json;
  json.BeginObject();
  json.Integer("v", 1);
  json.String("type", entry.type);
  json.Integer("time_ms", stamp.time_ms);
  json.String("request", entry.request);
  json.String("writer", stamp.writer);
  json.String("boot", stamp.boot);
  json.Integer("wseq", static_cast<int64_t>(stamp.wseq));
  if (!json.ok()) return absl::InvalidArgumentError("an entry's stamp is out of range");
  std::string body = absl::StrCat(json.text(), entry.members, "}");
  if (body.size() > kMaxEntryBytes) return absl::InvalidArgumentError("an entry is too large");
  return body;
}

absl::StatusOr<ParsedEntry> ParseEntry(absl::string_view body) {
  const absl::Status malformed = absl::InvalidArgumentError("not an entry");
  if (body.size() > kMaxEntryBytes) return malformed;
  absl::StatusOr<JsonValue> json = ParseEntryJson(body);
  if (!json.ok()) return malformed;
  constexpr absl::string_view kFrame[] = {"v",      "type", "time_ms", "request",
                                          "writer", "boot", "wseq"};
  if (json->members.size() < std::size(kFrame)) return malformed;
  for (size_t i = 0; i < std::size(kFrame); ++i) {
    if (json->members[i].key != kFrame[i]) return malformed;
  }
  ParsedEntry entry;
  entry.type = json->FindString("type");
  entry.time_ms = json->FindInteger("time_ms", -1);
  entry.request = json->FindString("request");
  entry.writer = json->FindString("writer");
  entry.boot = json->FindString("boot");
  entry.wseq = json->FindInteger("wseq", -1);
  if (json->FindInteger("v", 0) != 1 || !IsClosedName(entry.type) || entry.time_ms < 0 ||
      !IsLowerHex(entry.request, 32) || !IsClosedName(entry.writer) ||
      !IsLowerHex(entry.boot, 32) || entry.wseq < 0) {
    return malformed;
  }
  entry.json = *std::move(json);
  return entry;
}

}  // namespace sluice::server
