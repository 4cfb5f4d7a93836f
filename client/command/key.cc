// `sluice key`: the keys under which the store keeps an organization's records and the openings of
// its log entries.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/command/confirm.h"
#include "client/command/manual.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"

namespace sluice::client {
namespace {

constexpr absl::Duration kAskEvery = absl::Seconds(1);
// Where there is no terminal to count on.
constexpr absl::Duration kSayEvery = absl::Seconds(5);

struct Options {
  std::string key;
  bool all = false;
  bool of_operator = false;
  bool wait = true;
  bool dry_run = false;
  bool allow_unreadable = false;
  std::string confirm;
  std::string output = "text";
};

absl::StatusOr<std::string> ParentOf(Session& session, const Options& options) {
  if (options.all) return std::string("organizations/-");
  if (options.of_operator) return std::string("operator");
  return session.GetParent();
}

std::string TimeText(bool there, const google::protobuf::Timestamp& time) {
  if (!there) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// What an older version still holds, as far as it is known.
std::string LeftText(const v1::KeyVersion& version) {
  if (version.state() != v1::KEY_VERSION_STATE_REPLACED) return "";
  return version.has_remaining_rows() ? Grouped(version.remaining_rows()) : "being counted";
}

std::string StateText(const v1::KeyVersion& version) {
  return ShortName(v1::KeyVersionState_Name(version.state()), "KEY_VERSION_STATE_");
}

bool Show(const std::vector<v1::Key>& keys, const std::string& output) {
  Table table({{"key"}, {"version"}, {"state"}, {"made"}, {"destroyed"}, {"rows left"}});
  const bool objects = output == "json" || output == "ndjson";
  for (const v1::Key& key : keys) {
    if (objects) {
      table.Add({}, Table::Json::parse(ProtoJson(key)));
      continue;
    }
    for (const v1::KeyVersion& version : key.versions()) {
      table.Add({key.name(), version.name().substr(version.name().rfind('/') + 1),
                 StateText(version), TimeText(version.has_create_time(), version.create_time()),
                 TimeText(version.has_destroy_time(), version.destroy_time()), LeftText(version)});
    }
  }
  return table.Print(output);
}

ExitCode ShowOne(v1::Key key, const std::string& output) {
  MakePrintable(key);
  if (output == "json") return Print(ProtoJson(key) + "\n") ? kDone : kFailed;
  return Show({std::move(key)}, output) ? kDone : kFailed;
}

ExitCode List(Session& session, const Options& options) {
  const absl::StatusOr<std::string> parent = ParentOf(session, options);
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  std::vector<v1::Key> keys;
  v1::ListKeysRequest request;
  request.set_parent(*parent);
  Retry retry = session.NewRetry();
  do {
    absl::StatusOr<v1::ListKeysResponse> page =
        retry.Run([&] { return (*gateway)->ListKeys(request); });
    if (!page.ok()) return Fail(page.status());
    retry.Progress();
    if (page->keys().empty() && !page->next_page_token().empty()) {
      return Fail(absl::DataLossError("the gateway's list of keys leads no further"));
    }
    request.set_page_token(page->next_page_token());
    MakePrintable(*page);
    for (v1::Key& key : *page->mutable_keys()) keys.push_back(std::move(key));
  } while (!request.page_token().empty());
  if (options.output == "text" && keys.empty()) {
    return Print("no keys: nothing was stored yet\n") ? kDone : kFailed;
  }
  return Show(keys, options.output) ? kDone : kFailed;
}

// How far the rows have come that older versions sealed.
class Sealing {
 public:
  explicit Sealing(bool quiet) : quiet_(quiet) {}
  ~Sealing() {
    if (shown_ && StandardError().is_terminal) Note("\n");
  }

  // False once nothing is left.
  bool GoesOn(const v1::Key& key) {
    bool goes_on = false;
    std::string left;
    for (const v1::KeyVersion& version : key.versions()) {
      if (version.state() != v1::KEY_VERSION_STATE_REPLACED) continue;
      goes_on = true;
      absl::StrAppend(&left, left.empty() ? "" : ", ",
                      version.name().substr(version.name().rfind('/') + 1), ": ",
                      LeftText(version));
    }
    if (goes_on && !quiet_) Say(absl::StrCat("rows left under version ", left));
    return goes_on;
  }

 private:
  void Say(const std::string& text) {
    const bool terminal = StandardError().is_terminal;
    const absl::Time now = absl::Now();
    if (!terminal && now - said_ < kSayEvery) return;
    said_ = now;
    shown_ = true;
    Note(terminal ? absl::StrCat("\r", text, "      ") : absl::StrCat(text, "\n"));
  }

  const bool quiet_;
  bool shown_ = false;
  absl::Time said_;
};

ExitCode Rotate(Session& session, const Options& options) {
  const absl::StatusOr<std::string> parent = ParentOf(session, options);
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::RotateKeyRequest request;
  request.set_name(absl::StrCat(*parent, "/keys/", options.key));
  // Once: another attempt after an answer that was lost would be another rotation.
  const absl::StatusOr<v1::RotateKeyResponse> rotated = (*gateway)->RotateKey(request);
  if (!rotated.ok()) return Fail(rotated.status());
  v1::Key key = rotated->key();
  if (options.wait) {
    Sealing sealing(session.quiet());
    v1::GetKeyRequest again;
    again.set_name(request.name());
    Retry retry = session.NewRetry();
    while (sealing.GoesOn(key)) {
      absl::SleepFor(kAskEvery);
      const absl::StatusOr<v1::GetKeyResponse> now =
          retry.Run([&] { return (*gateway)->GetKey(again); });
      if (!now.ok()) return Fail(now.status());
      retry.Progress();
      key = now->key();
    }
  }
  if (ShowOne(std::move(key), options.output) != kDone) return kFailed;
  if (!options.wait && !session.quiet()) {
    Note(
        "what older versions sealed is sealed anew while the gateway serves\n"
        "  next: `sluice key list` says how far that is\n");
  }
  return kDone;
}

std::string Rows(int64_t rows, absl::string_view what) {
  return rows == 0 ? "" : absl::StrCat("  ", Grouped(rows), " ", what, "\n");
}

std::string UnreadableText(const v1::DestroyKeyResponse& response) {
  const std::string rows =
      absl::StrCat(Rows(response.records(), "records"),
                   Rows(response.replaced_records(), "replaced records, kept for a withdraw"),
                   Rows(response.log_openings(), "openings of log entries"),
                   Rows(response.dictionary_openings(), "openings of the subjects' dictionary"));
  return rows.empty() ? "  nothing of this store\n" : rows;
}

std::string CopiesText(const v1::DestroyKeyResponse& response) {
  if (response.unreached_copies().empty()) {
    return "its key store's copies, if there are any, have it still: the gateway's configuration "
           "names none (key_copies)\n";
  }
  std::string text = "copies of the key store that the gateway can't reach have it still:\n";
  for (const std::string& copy : response.unreached_copies()) {
    absl::StrAppend(&text, "  ", copy, "\n");
  }
  return text;
}

ExitCode Destroy(Session& session, const Options& options) {
  const std::vector<std::string> words = absl::StrSplit(options.key, '/');
  int32_t version = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &version) || version < 1) {
    return FailUsage("name the version: records/1, dictionary/2");
  }
  const absl::StatusOr<std::string> parent = ParentOf(session, options);
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::DestroyKeyRequest request;
  request.set_name(absl::StrCat(*parent, "/keys/", words[0], "/versions/", version));
  request.set_validate_only(true);
  Retry retry = session.NewRetry();
  absl::StatusOr<v1::DestroyKeyResponse> response =
      retry.Run([&] { return (*gateway)->DestroyKey(request); });
  if (!response.ok()) return Fail(response.status());
  if (!options.dry_run) {
    if (!session.quiet()) {
      Note(absl::StrCat(request.name(), ": can't be read any more afterwards, for good:\n",
                        UnreadableText(*response)));
    }
    if (!Confirmed(options.confirm, options.key, "destroy it")) {
      return FailUsage(absl::StrCat("nothing was destroyed: give --confirm ", options.key));
    }
    request.set_validate_only(false);
    request.set_etag(response->key().etag());
    request.set_allow_unreadable(options.allow_unreadable);
    // Once: after an answer that was lost, another attempt would be told that it is destroyed.
    response = (*gateway)->DestroyKey(request);
    if (!response.ok()) return Fail(response.status());
  }
  MakePrintable(*response);
  if (options.output == "json") return Print(ProtoJson(*response) + "\n") ? kDone : kFailed;
  const std::string text =
      options.dry_run ? absl::StrCat("would not be readable any more:\n", UnreadableText(*response))
                      : absl::StrCat(request.name(),
                                     " is destroyed: can't be read any more, in no copy of the "
                                     "store:\n",
                                     UnreadableText(*response));
  return Print(absl::StrCat(text, CopiesText(*response))) ? kDone : kFailed;
}

}  // namespace

void AddKey(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("key", "An organization's sealing keys: list, rotate, destroy");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list = session.AddVerb(
      noun, "list", "List keys and their versions, and what is left under replaced ones",
      "sluice key list", [&session, options] { return List(session, *options); });
  list->add_flag("--all", options->all, "Those of all organizations (for the gateway's operator)");
  AddOutput(list, options->output, kTableForms);

  CLI::App* rotate = session.AddVerb(
      noun, "rotate",
      "Give a key a new version, and have what older ones sealed sealed anew while the gateway "
      "serves",
      "sluice key rotate records", [&session, options] { return Rotate(session, *options); });
  rotate->add_option("KEY", options->key, "records, or dictionary (openings of the log)")
      ->required()
      ->check(CLI::IsMember({"records", "dictionary"}));
  rotate->add_flag("--wait,!--no-wait", options->wait,
                   "Wait until all is sealed anew (the default); without, it goes on by itself");
  AddOutput(rotate, options->output, {"text", "json"});

  CLI::App* destroy = session.AddVerb(
      noun, "destroy",
      "Destroy a version of a key: what it seals can't be read any more, in the store and in every "
      "copy of it",
      "sluice key destroy records/1 --confirm records/1",
      [&session, options] { return Destroy(session, *options); });
  destroy->add_option("VERSION", options->key, "The version, as KEY/VERSION: records/1")
      ->required();
  destroy->add_option("--confirm", options->confirm,
                      "The version again; asked for on a terminal where it is not given");
  destroy->add_flag("--dry-run", options->dry_run,
                    "Say what would become unreadable, and destroy nothing");
  destroy->add_flag("--allow-unreadable", options->allow_unreadable,
                    "Destroy it although it is in use, or something is sealed under it");
  AddOutput(destroy, options->output, {"text", "json"});
  for (CLI::App* verb : {list, rotate, destroy}) {
    verb->add_flag("--of-operator", options->of_operator,
                   "The key of the gateway's operator, and no organization's");
  }
}

}  // namespace sluice::client
