// What reads as a table of records prints as a table that reads as the same records.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "client/record_csv.h"
#include "google/protobuf/util/message_differencer.h"
#include "sluice/v1/candidate_records.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::v1::Candidate;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  sluice::client::CsvReader reader(&in);
  const auto header = reader.Next();
  if (!header.ok() || !header->has_value()) return 0;
  const auto columns = sluice::client::CsvColumns::Bind(*Candidate::descriptor(), **header);
  if (!columns.ok()) return 0;
  while (true) {
    const auto row = reader.Next();
    if (!row.ok() || !row->has_value()) return 0;
    Candidate first;
    if (!columns->Read(**row, first).ok()) continue;
    const auto cells = columns->Write(first);
    if (!cells.ok()) std::abort();
    std::istringstream printed(sluice::client::CsvLine(*cells));
    sluice::client::CsvReader again(&printed);
    const auto same = again.Next();
    if (!same.ok() || !same->has_value()) std::abort();
    Candidate second;
    if (!columns->Read(**same, second).ok()) std::abort();
    if (!google::protobuf::util::MessageDifferencer::Equals(first, second)) std::abort();
  }
}
