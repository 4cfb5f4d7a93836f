// How an MOU document is laid out: the order of its keys, which is that of the table in POLICY, and
// what stands on lines of its own. Constant.
#ifndef SLUICE_POLICY_MOU_LAYOUT_H_
#define SLUICE_POLICY_MOU_LAYOUT_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::policy {

struct Layout {
  struct Key {
    absl::string_view name;
    const Layout* layout;
  };
  // kAsWritten: what was quoted stays so, since it is a string then, and what was not stays so,
  // since it may be none. kText: quoted where it must be. kProse: the same, or a block.
  enum class Text { kAsWritten, kText, kProse };

  // Each child on lines of its own. Otherwise all on one line, if they fit.
  bool is_block = false;
  Text text = Text::kAsWritten;
  // The keys that a mapping may have, in order.
  absl::Span<const Key> keys;
  // Of each item of a list, or each value of a mapping whose keys the writer chooses.
  const Layout* each = nullptr;

  const Layout& Of(absl::string_view key) const;
  // The place of a key among its mapping's; all that are not listed share the last.
  size_t RankOf(absl::string_view key) const;
};

// Of the whole document.
const Layout& MouLayout();

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_LAYOUT_H_
