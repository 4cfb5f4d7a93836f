// MOU documents for tests: the example that the documentation shows, written a line at a time so
// that a test changes one of them. Tests alone include this.
#ifndef SLUICE_TESTS_SUPPORT_MOU_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_MOU_FOR_TEST_H_

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/catalog.h"
#include "policy/compiled_mou.h"
#include "policy/decide.h"
#include "policy/mou_document.h"

namespace sluice::policy {

inline std::shared_ptr<const Catalog> CatalogForTest() {
  static const auto* const kCatalog =
      new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return *kCatalog;
}

inline std::string Pin(absl::string_view record) {
  return absl::StrCat(record, ": ", CatalogForTest()->Find(record)->digest());
}

// State University's candidates for River Unified. The grants begin at line 13, the term is line 9.
inline std::string ExampleMou() {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  return absl::StrCat(
      "mou: stem-pipeline\n"
      "version: 1\n"
      "title: STEM educator pipeline between State University and River Unified\n"
      "parties:\n"
      "  - {organization: state-university, signatory_ca: ",
      digest, "}\n  - {organization: river-unified, signatory_ca: ", digest,
      "}\n"
      "catalog: {",
      Pin("Candidate"),
      "}\n"
      "authority: [{basis: FERPA_DEIDENTIFIED, citation: \"34 CFR 99.31(b)(1)\"}]\n"
      "term: {effective: 2026-07-01, expires: 2028-07-01}\n"
      "purposes:\n"
      "  hiring_pipeline: Plan the hiring of STEM teachers who are about to complete.\n"
      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
      "grants:\n"
      "  - name: expected-completers\n"
      "    from: state-university\n"
      "    to: [river-unified]\n"
      "    purpose: hiring_pipeline\n"
      "    record: Candidate\n"
      "    operations: [READ]\n"
      "    rows:\n"
      "      expected_completion_year: {at_least: 2027}\n"
      "      subject_area: {in: [MATHEMATICS, PHYSICS, CHEMISTRY]}\n"
      "    fields:\n"
      "      candidate_id: pseudonymize\n"
      "      birth_date: {generalize: {to: YEAR, band: 5}}\n"
      "      home_postal_code: {generalize: {zip3: CENSUS_2000}}\n"
      "      subject_area: pass\n"
      "      expected_completion_year: pass\n"
      "prohibitions: []\n");
}

// The example with one text in place of another, which it has; ends the test program if not.
inline std::string ExampleMouWith(absl::string_view old_text, absl::string_view new_text) {
  std::string text = ExampleMou();
  if (absl::StrReplaceAll({{old_text, new_text}}, &text) == 0) {
    std::fprintf(stderr, "the example has no \"%s\"\n", std::string(old_text).c_str());
    std::abort();
  }
  return text;
}

// Compiles; ends the test program with the reason if that fails.
inline std::shared_ptr<const CompiledMou> CompileForTest(const std::string& yaml) {
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", yaml);
  for (const Finding& finding : parsed.findings) {
    std::fprintf(stderr, "%s\n", finding.ToString().c_str());
  }
  auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
  if (!mou.ok()) {
    std::fprintf(stderr, "%s\n", std::string(mou.status().message()).c_str());
    std::abort();
  }
  return *std::move(mou);
}

inline MouVersion SignedForTest(const std::string& yaml) {
  MouVersion version;
  version.mou = CompileForTest(yaml);
  version.ever_signed = true;
  return version;
}

}  // namespace sluice::policy

#endif  // SLUICE_TESTS_SUPPORT_MOU_FOR_TEST_H_
