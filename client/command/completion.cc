#include "client/command/completion.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/terminal.h"

namespace sluice::client {
namespace {

// Walks the words before the cursor as the parser would, but forgives them everything.
class Walk {
 public:
  explicit Walk(const ManualCommand& root) : path_{&root} {}

  void Take(const std::string& word) {
    if (open_ != nullptr) {
      point_.given[open_->flags.back()] = word;
      open_ = nullptr;
    } else if (word == "--" && !only_arguments_) {
      only_arguments_ = true;
    } else if (IsFlag(word)) {
      const size_t equals = word.find('=');
      const ManualOption* option = FindOption(word.substr(0, equals));
      if (option == nullptr) return;
      if (equals != std::string::npos) {
        point_.given[option->flags.back()] = word.substr(equals + 1);
      } else if (option->value.empty()) {
        point_.given[option->flags.back()] = "";
      } else {
        open_ = option;
      }
    } else if (!command().commands.empty()) {
      const ManualCommand* next = command().Find(word);
      lost_ = lost_ || next == nullptr;
      if (next != nullptr) path_.push_back(next);
    } else if (const ManualOption* argument = Argument(); argument != nullptr) {
      point_.given[argument->name] = word;
      ++arguments_;
    }
  }

  CompletionPoint End(const std::string& word) && {
    point_.typed = word;
    if (lost_) return std::move(point_);
    if (open_ != nullptr) {
      OfferValues(*open_);
    } else if (IsFlag(word)) {
      const size_t equals = word.find('=');
      const ManualOption* option = FindOption(word.substr(0, equals));
      if (equals == std::string::npos) {
        OfferFlags();
      } else if (option != nullptr && !option->value.empty()) {
        point_.before = word.substr(0, equals + 1);
        point_.typed = word.substr(equals + 1);
        OfferValues(*option);
      }
    } else if (!command().commands.empty()) {
      for (const ManualCommand& sub : command().commands) {
        Offer(std::string(sub.last_name()), sub.description);
      }
    } else if (const ManualOption* argument = Argument(); argument != nullptr) {
      OfferValues(*argument);
    } else if (word.empty() && !only_arguments_) {
      OfferFlags();
    }
    return std::move(point_);
  }

 private:
  const ManualCommand& command() const { return *path_.back(); }
  bool IsFlag(absl::string_view word) const {
    return !only_arguments_ && word.size() > 1 && word[0] == '-';
  }

  // Options of the commands above may stand after this one.
  const ManualOption* FindOption(absl::string_view flag) const {
    for (auto at = path_.rbegin(); at != path_.rend(); ++at) {
      if (const ManualOption* option = (*at)->FindOption(flag); option != nullptr) return option;
    }
    return nullptr;
  }

  // The one that the next word would be.
  const ManualOption* Argument() const {
    size_t left = arguments_;
    for (const ManualOption& option : command().options) {
      if (!option.is_argument()) continue;
      if (left == 0 || option.repeated) return &option;
      --left;
    }
    return nullptr;
  }

  void Offer(const std::string& text, const std::string& meaning) {
    if (absl::StartsWith(text, point_.typed)) {
      point_.candidates.push_back({point_.before + text, meaning});
    }
  }

  void OfferFlags() {
    for (auto at = path_.rbegin(); at != path_.rend(); ++at) {
      for (const ManualOption& option : (*at)->options) {
        if (option.is_argument()) continue;
        const std::string& flag = option.flags.back();
        if (!option.repeated && point_.given.count(flag) > 0) continue;
        // A command's own option, as its --help, stands before that of a command above.
        if (FindOption(flag) != &option) continue;
        Offer(flag, option.description);
      }
    }
  }

  void OfferValues(const ManualOption& option) {
    for (const std::string& choice : option.choices) Offer(choice, "");
    if (option.choices.empty()) point_.value = option.value;
  }

  std::vector<const ManualCommand*> path_;
  const ManualOption* open_ = nullptr;  // whose value is the next word
  size_t arguments_ = 0;
  bool only_arguments_ = false;
  bool lost_ = false;  // no such command
  CompletionPoint point_;
};

// A word that every shell leaves as it is, and nobody takes for an option.
bool IsPlain(absl::string_view text) {
  return !text.empty() && absl::ascii_isalnum(text[0]) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || absl::StrContains("._-+@%,:/=", static_cast<char>(c));
         });
}

}  // namespace

CompletionPoint PointOf(const ManualCommand& root, const std::vector<std::string>& words) {
  Walk walk(root);
  for (size_t i = 0; i + 1 < words.size(); ++i) walk.Take(words[i]);
  return std::move(walk).End(words.empty() ? "" : words.back());
}

std::string CompletionLines(const CompletionPoint& point, const std::vector<ManualEntry>& names) {
  std::string lines;
  for (const ManualEntry& candidate : point.candidates) {
    absl::StrAppend(&lines, candidate.name, "\t", candidate.meaning, "\n");
  }
  for (const ManualEntry& name : names) {
    if (!IsPlain(name.name) || !absl::StartsWith(name.name, point.typed)) continue;
    absl::StrAppend(&lines, point.before, name.name, "\t", Printable(name.meaning), "\n");
  }
  if (point.value == kFileValue || point.value == kMappingValue) lines += ":files\n";
  if (point.value == kDirectoryValue) lines += ":directories\n";
  return lines;
}

}  // namespace sluice::client
