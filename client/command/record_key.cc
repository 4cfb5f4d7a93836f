#include "client/command/record_key.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/record_csv.h"
#include "google/protobuf/dynamic_message.h"
#include "policy/record_validator.h"

namespace sluice::client {

absl::StatusOr<std::string> KeyFromArguments(const policy::RecordType& type,
                                             const std::vector<std::string>& arguments) {
  std::vector<std::string> paths, values;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          "--record-key must be FIELD=VALUE, once for each field of the key");
    }
    paths.push_back(argument.substr(0, equals));
    values.push_back(argument.substr(equals + 1));
  }
  const absl::StatusOr<CsvColumns> columns = CsvColumns::Bind(type.descriptor(), paths);
  if (!columns.ok()) return columns.status();
  google::protobuf::DynamicMessageFactory factory(type.descriptor().file()->pool());
  const std::unique_ptr<google::protobuf::Message> record(
      factory.GetPrototype(&type.descriptor())->New());
  if (const absl::Status read = columns->Read(values, *record); !read.ok()) return read;
  std::string bytes = record->SerializeAsString();
  for (const policy::RecordProblem& problem :
       policy::ValidateRecord(type, bytes, /*key_only=*/true).problems) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--record-key: ", problem.field, problem.field.empty() ? "" : ": ", problem.description));
  }
  return bytes;
}

}  // namespace sluice::client
