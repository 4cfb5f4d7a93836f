#include "client/command/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::client {
namespace {

// The next code point, which is taken off the text; -1 for a byte that is none.
int32_t TakeCodePoint(absl::string_view& text, absl::string_view& bytes) {
  utf8proc_int32_t code = -1;
  const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()), &code);
  bytes = text.substr(0, size > 0 ? static_cast<size_t>(size) : 1);
  text.remove_prefix(bytes.size());
  return size > 0 ? code : -1;
}

bool TurnsWriting(int32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool IsObeyed(int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:  // of another library's enumeration
      return TurnsWriting(code);
  }
}

std::string Escaped(absl::string_view text, absl::string_view kept) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    absl::string_view bytes;
    const int32_t code = TakeCodePoint(text, bytes);
    if (code < 0 || code < 0x20 || code == 0x7F) {
      const char c = bytes[0];
      if (kept.find(c) != absl::string_view::npos) {
        escaped.push_back(c);
      } else if (c == '\n' || c == '\r' || c == '\t') {
        escaped += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
      } else {
        absl::StrAppendFormat(&escaped, "\\x%02x", static_cast<unsigned char>(c));
      }
    } else if (IsObeyed(code)) {
      absl::StrAppendFormat(&escaped, "\\u%04x", code);
    } else {
      absl::StrAppend(&escaped, bytes);
    }
  }
  return escaped;
}

absl::string_view& ChosenColors() {
  static absl::string_view chosen = "auto";
  return chosen;
}

Terminal TerminalOf(int fd) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1;
  winsize size{};
  if (terminal.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
    if (size.ws_row > 0) terminal.height = size.ws_row;
  }
  const char* none = std::getenv("NO_COLOR");
  const bool wanted = terminal.is_terminal && (none == nullptr || *none == '\0');
  terminal.colors = ChosenColors() == "always" || (ChosenColors() == "auto" && wanted);
  return terminal;
}

}  // namespace

std::string Printable(absl::string_view text) { return Escaped(text, ""); }

std::string PrintableLines(absl::string_view text) { return Escaped(text, "\n\t"); }

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    absl::string_view bytes;
    const int32_t code = TakeCodePoint(text, bytes);
    width += code < 0 ? 1 : static_cast<size_t>(utf8proc_charwidth(code));
  }
  return width;
}

std::string Shortened(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string beginning;
  size_t taken = 1;  // the ellipsis
  while (!text.empty()) {
    absl::string_view bytes;
    const int32_t code = TakeCodePoint(text, bytes);
    taken += code < 0 ? 1 : static_cast<size_t>(utf8proc_charwidth(code));
    if (taken > width) break;
    absl::StrAppend(&beginning, bytes);
  }
  return beginning + "…";
}

const Terminal& StandardOutput() {
  static const Terminal& terminal = *new Terminal(TerminalOf(STDOUT_FILENO));
  return terminal;
}

const Terminal& StandardError() {
  static const Terminal& terminal = *new Terminal(TerminalOf(STDERR_FILENO));
  return terminal;
}

void ChooseColors(absl::string_view when) {
  ChosenColors() = when == "always" ? "always" : when == "never" ? "never" : "auto";
}

std::string Colored(const Terminal& stream, Color color, absl::string_view text) {
  if (!stream.colors || text.empty()) return std::string(text);
  absl::string_view code;
  switch (color) {
    case Color::kBold:
      code = "1";
      break;
    case Color::kRed:
      code = "31";
      break;
    case Color::kGreen:
      code = "32";
      break;
    case Color::kYellow:
      code = "33";
      break;
  }
  return absl::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

}  // namespace sluice::client
