// Man pages: the manual as man(7) sets it.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/command/manual.h"

namespace sluice::client {
namespace {

constexpr size_t kMostColumns = 79;  // of a line of source: what mandoc's lint asks for

// Text that roff sets as it is, with a hyphen that can be copied into a shell.
std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\e"},
                                    {"-", "\\-"},
                                    {"`", "\\(ga"},
                                    {"'", "\\(aq"},
                                    {"^", "\\(ha"},
                                    {"~", "\\(ti"},
                                    {"\"", "\\(dq"}});
}

// The same in lines of the source, of which none is a request.
std::string Folded(absl::string_view text) {
  std::string lines;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    const std::string escaped = Escaped(word);
    if (column > 0 && column + escaped.size() >= kMostColumns) {
      lines.push_back('\n');
      column = 0;
    }
    if (column > 0) lines.push_back(' ');
    if (column == 0 && absl::StartsWith(escaped, ".")) lines += "\\&";
    lines += escaped;
    column += escaped.size() + 1;
  }
  return lines + "\n";
}

class Page {
 public:
  Page(const std::string& name, const std::string& version, absl::CivilDay date) {
    absl::StrAppend(&text_, ".TH ", absl::AsciiStrToUpper(Escaped(name)), " 1 \"",
                    absl::FormatCivilTime(date), "\" \"", Escaped(version), "\"\n");
  }

  void Section(absl::string_view title) { absl::StrAppend(&text_, ".SH ", title, "\n"); }
  void Subsection(absl::string_view title) {
    absl::StrAppend(&text_, ".SS \"", Escaped(title), "\"\n");
  }
  void Text(absl::string_view text) { text_ += Folded(text); }
  void Line(absl::string_view text) { absl::StrAppend(&text_, Escaped(text), "\n"); }
  void Paragraph() { text_ += ".PP\n"; }
  void Bold(absl::string_view text) { absl::StrAppend(&text_, ".ft B\n", Folded(text), ".ft R\n"); }
  void Entry(absl::string_view bold, absl::string_view italic, absl::string_view meaning) {
    absl::StrAppend(&text_, ".TP\n\\fB", Escaped(bold), "\\fR", italic.empty() ? "" : " \\fI",
                    Escaped(italic), italic.empty() ? "" : "\\fR", "\n", Folded(meaning));
  }
  void Example(absl::string_view command) {
    absl::StrAppend(&text_, ".PP\nExample:\n.PP\n.nf\n.RS\n", Escaped(command), "\n.RE\n.fi\n");
  }
  void Option(const ManualOption& option) {
    Entry(option.is_argument() ? option.Usage() : absl::StrJoin(option.flags, ", "),
          option.is_argument() ? "" : option.value, option.Text());
  }
  void Entries(const std::vector<ManualEntry>& entries) {
    for (const ManualEntry& entry : entries) Entry(entry.name, "", entry.meaning);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string PageName(const ManualCommand& command) {
  return absl::StrReplaceAll(command.name, {{" ", "-"}});
}

void Begin(const ManualCommand& command, Page& page) {
  page.Section("NAME");
  // One line: whatis(1) reads it.
  page.Line(absl::StrCat(PageName(command), " - ", command.description));
  page.Section("SYNOPSIS");
  page.Bold(command.Usage());
  for (const ManualCommand& sub : command.commands) {
    if (!sub.commands.empty()) continue;
    page.Paragraph();
    page.Bold(sub.Usage());
  }
}

// Arguments first. --help is told of once.
void Options(const ManualCommand& command, Page& page) {
  for (const bool arguments : {true, false}) {
    for (const ManualOption& option : command.options) {
      if (option.is_argument() != arguments) continue;
      const bool help =
          std::find(option.flags.begin(), option.flags.end(), "--help") != option.flags.end();
      if (!help || command.name == "sluice") page.Option(option);
    }
  }
}

ManPage NounPage(const ManualCommand& noun, const std::string& version, absl::CivilDay date) {
  Page page(PageName(noun), version, date);
  Begin(noun, page);
  page.Section("DESCRIPTION");
  page.Text(noun.description + ".");
  Options(noun, page);
  if (!noun.example.empty()) page.Example(noun.example);
  if (!noun.commands.empty()) page.Section("COMMANDS");
  for (const ManualCommand& verb : noun.commands) {
    page.Subsection(verb.name);
    page.Bold(verb.Usage());
    page.Paragraph();
    page.Text(verb.description + ".");
    Options(verb, page);
    page.Example(verb.example);
  }
  page.Section("EXIT STATUS");
  page.Entries(ExitCodes());
  page.Section("SEE ALSO");
  page.Bold("sluice(1)");
  page.Text("has the options of every command, the environment and the files.");
  return {PageName(noun) + ".1", page.Take()};
}

}  // namespace

std::vector<ManPage> ManPages(const ManualCommand& root, const std::string& version,
                              absl::CivilDay date) {
  Page page(root.name, version, date);
  Begin(root, page);
  page.Section("DESCRIPTION");
  page.Text(
      "A command is a noun and a verb. What it was asked for goes to standard output, everything "
      "else to standard error.");
  page.Section("COMMANDS");
  std::vector<std::string> others;
  for (const ManualCommand& noun : root.commands) {
    std::vector<std::string> verbs;
    for (const ManualCommand& verb : noun.commands) verbs.emplace_back(verb.last_name());
    others.push_back(PageName(noun) + "(1)");
    page.Entry(noun.name, absl::StrJoin(verbs, "|"),
               absl::StrCat(noun.description, ". See ", others.back(), "."));
  }
  page.Section("OPTIONS");
  page.Text("These may stand after any command.");
  Options(root, page);
  page.Section("EXIT STATUS");
  page.Entries(ExitCodes());
  page.Section("ENVIRONMENT");
  page.Entries(EnvironmentVariables());
  page.Section("FILES");
  page.Entries(Files());
  page.Section("SEE ALSO");
  page.Bold(absl::StrJoin(others, ", "));
  std::vector<ManPage> pages = {{root.name + ".1", page.Take()}};
  for (const ManualCommand& noun : root.commands) pages.push_back(NounPage(noun, version, date));
  return pages;
}

}  // namespace sluice::client
