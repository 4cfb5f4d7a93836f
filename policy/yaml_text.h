// The text of a YAML file below its grammar: which bytes it may hold, and where in lines and
// columns a byte stands. Columns count code points, from 1.
//
// Immutable; refers to the bytes.
#ifndef SLUICE_POLICY_YAML_TEXT_H_
#define SLUICE_POLICY_YAML_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/finding.h"

namespace sluice::policy {

class YamlText {
 public:
  // What is wrong with the bytes, by kind: a sentence and the first place of that kind.
  struct Flaw {
    size_t offset;
    std::string message;
    // Whether a parser can still be trusted with the text.
    bool readable;
  };

  explicit YamlText(absl::string_view bytes);

  absl::string_view bytes() const { return bytes_; }
  // In order of offset.
  const std::vector<Flaw>& flaws() const { return flaws_; }
  // `offset` may be the text's size, and nothing is beyond it.
  Place PlaceOf(size_t offset) const;
  // Where a place's character begins; `place` is one that PlaceOf gives.
  size_t OffsetOf(Place place) const;
  // The byte at an offset, 0 beyond the end.
  char At(size_t offset) const { return offset < bytes_.size() ? bytes_[offset] : '\0'; }
  size_t LineStart(size_t offset) const;

 private:
  void FindFlaws();

  absl::string_view bytes_;
  bool ascii_ = true;
  std::vector<size_t> lines_;      // where each begins
  std::vector<uint32_t> columns_;  // of each byte; empty if all are ASCII
  std::vector<Flaw> flaws_;
};

// What the first character is called that may not stand in a document, nor in a value that an
// escape made: "tab", "bidirectional control". Null if there is none. Line breaks are allowed.
const char* FirstRefusedCharacter(absl::string_view text);

bool IsAscii(absl::string_view text);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_YAML_TEXT_H_
