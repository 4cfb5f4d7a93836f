// What becomes of comments in the canonical text.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/support/canonical_mou.h"
#include "tests/support/reference_documents.h"

namespace sluice::policy {
namespace {

constexpr char kCommented[] = R"(# The agreement.

# Its number.
version: 1   # first
mou: m # its name
title: >-   # in words
  A # that is text
# Who signs, in "quotes".
parties: # two
  # the program
  - {organization: alpha, signatory_ca: @} # á
  - # the district
    # which pays
    signatory_ca: "@"# close
    organization: beta
  # no more parties
authority: [ # one
  # de-identified
  {basis: FERPA_CONSENT, citation: 'a #b'}, # each
  # none else
]
term: # when
  {effective: 2026-07-01, # begin
   expires: 2027-07-01}
purposes: {plan: P}#p
obligations:
  # none
  redisclosure: PROHIBITED
  destroy_within_days:

    # soon

    1
grants:
- from: alpha
  # who
  name: g

  to: [beta, # b
    alpha] # all
  purpose: plan
  record: Candidate
  fields:
    sex: pass # s
    # birth_date: pass
      # more of it
  # sex only
      # and no more
# the next
- # another
  from: alpha

  name: h
  to: [beta]
  purpose: plan
  record: Candidate
  fields: {sex: pass} # too
  # end of h
- from: alpha
  name: i
  to: [beta]
  purpose: plan
  record: Candidate
  fields: {sex: pass}
-    # the last
  name: j
  from: alpha
  to: [beta]
  purpose: plan
  record: Candidate
  fields: {sex: pass}
prohibitions: [ # none
  # yet
] # so far

# The end.
)";

constexpr char kCommentedCanonical[] = R"(# The agreement.

mou: m  # its name
# Its number.
version: 1  # first
title: "A # that is text"  # in words
# Who signs, in "quotes".
parties:  # two
  # the program
  # á
  - organization: alpha
    signatory_ca: @
  # the district
  # which pays
  - organization: beta
    signatory_ca: @  # close
  # no more parties
authority:  # one
  # de-identified
  - {basis: FERPA_CONSENT, citation: "a #b"}  # each
  # none else
term:  # when
  effective: 2026-07-01  # begin
  expires: 2027-07-01
purposes:  #p
  plan: P
obligations:
  # soon
  destroy_within_days: 1
  # none
  redisclosure: PROHIBITED
grants:
  # who
  - name: g
    from: alpha

    to:  # all
      - beta  # b
      - alpha
    purpose: plan
    record: Candidate
    fields:
      sex: pass  # s
      # birth_date: pass
      # more of it
    # sex only
    # and no more
  # the next
  # another
  - name: h
    from: alpha
    to: [beta]
    purpose: plan
    record: Candidate
    fields:  # too
      sex: pass
    # end of h
  - name: i
    from: alpha
    to: [beta]
    purpose: plan
    record: Candidate
    fields:
      sex: pass
  # the last
  - name: j
    from: alpha
    to: [beta]
    purpose: plan
    record: Candidate
    fields:
      sex: pass
# yet
# so far
prohibitions: []  # none

# The end.
)";

TEST(MouFormatComments, StayWithTheirNodes) {
  EXPECT_EQ(Canonical(absl::StrReplaceAll(kCommented, {{"@", AnyDigest()}})),
            absl::StrReplaceAll(kCommentedCanonical, {{"@", AnyDigest()}}));
}

// Comments where a document may have them: each with a number of its own.
class Sprinkler {
 public:
  explicit Sprinkler(reference::Generator& random) : random_(random) {}

  std::string Sprinkle(absl::string_view yaml) {
    std::string text;
    for (absl::string_view line : absl::StrSplit(absl::StripSuffix(yaml, "\n"), '\n')) {
      if (random_.OneIn(6)) absl::StrAppend(&text, Blanks(), Comment(), "\n");
      if (random_.OneIn(12)) text += "\n";
      for (absl::string_view rest = line; !rest.empty();) {
        const size_t comma = std::min(rest.find(", "), rest.size());
        absl::StrAppend(&text, rest.substr(0, comma));
        rest.remove_prefix(comma);
        if (!rest.empty() && random_.OneIn(10)) {
          absl::StrAppend(&text, ", ", Comment(), "\n         ");
          if (random_.OneIn(2)) absl::StrAppend(&text, Comment(), "\n      ");
          rest.remove_prefix(2);
        } else if (!rest.empty()) {
          text += ", ";
          rest.remove_prefix(2);
        }
      }
      absl::StrAppend(&text, random_.OneIn(6) ? " " + Comment() : "", "\n");
    }
    return text;
  }
  int count() const { return count_; }

 private:
  std::string Blanks() { return std::string(static_cast<size_t>(random_.Number(0, 8)), ' '); }
  std::string Comment() { return absl::StrCat("# <", count_++, "> ] 'it \"é"); }

  reference::Generator& random_;
  int count_ = 0;
};

TEST(MouFormatComments, RandomDocumentsSayTheSameAndKeepEachComment) {
  reference::Generator random(17);
  for (int i = 0; i < 400; ++i) {
    Sprinkler sprinkler(random);
    const std::string document =
        sprinkler.Sprinkle(reference::Yaml("m1", random.MakeVersion(random.Number(1, 3))));
    const std::string text = Canonical(document);
    for (int c = 0; c < sprinkler.count(); ++c) {
      const std::vector<std::string> parts =
          absl::StrSplit(text, absl::StrCat("# <", c, "> ] 'it \"é\n"));
      ASSERT_EQ(parts.size(), 2u) << document << "\n" << text;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::policy
