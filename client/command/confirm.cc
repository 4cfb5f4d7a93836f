#include "client/command/confirm.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/command/terminal.h"

namespace sluice::client {

bool Confirmed(const std::string& given, const std::string& word, absl::string_view deed) {
  if (given == word) return true;
  if (!given.empty() || isatty(STDIN_FILENO) == 0 || !StandardError().is_terminal) return false;
  Note(absl::StrCat("type ", word, " to ", deed, ": "));
  std::string typed;
  for (int c; (c = std::getchar()) != EOF && c != '\n';) typed.push_back(static_cast<char>(c));
  return typed == word;
}

}  // namespace sluice::client
