// What a terminal is, and what may reach one: text whose control characters are escaped, as wide as
// it is shown, in colors only where they are wanted.
//
// The choice of colors is made once, before anything is printed; the rest is thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_TERMINAL_H_
#define SLUICE_CLIENT_COMMAND_TERMINAL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::client {

// Text from elsewhere as one line that a terminal does not obey: control characters, bytes that are
// no UTF-8 and characters that turn the direction of writing become \n, \x1b, \u202e.
std::string Printable(absl::string_view text);
// The same of lines: ends of lines and tabs stay.
std::string PrintableLines(absl::string_view text);

// How many columns of a terminal printable text takes.
size_t DisplayWidth(absl::string_view text);
// Its beginning and an ellipsis, in `width` columns at most, if it is wider.
std::string Shortened(absl::string_view text, size_t width);

// A stream as it is when it is first asked for.
struct Terminal {
  bool is_terminal = false;
  bool colors = false;
  int width = 80;  // where there is no terminal: what help is folded at
  int height = 24;
};
const Terminal& StandardOutput();
const Terminal& StandardError();
// "auto": on a terminal, if NO_COLOR is not set; "always", "never". Before the two above.
void ChooseColors(absl::string_view when);

enum class Color { kBold, kRed, kGreen, kYellow };
// The text in a color, where the stream shows them.
std::string Colored(const Terminal& stream, Color color, absl::string_view text);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_TERMINAL_H_
