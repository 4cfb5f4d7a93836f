// A message that is looked at before it is parsed: a field of two bytes on the wire may take forty
// in memory, and the wire's limit is one of bytes.
#ifndef SLUICE_SERVER_BOUNDED_MESSAGE_H_
#define SLUICE_SERVER_BOUNDED_MESSAGE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

namespace sluice::server {

enum class Parsed {
  kWhole,
  kCut,     // it has more than `most_fields`: those after them are not in `message`
  kGarbled  // no such message
};

// Counts the fields of the message itself, each as often as it stands there; its own fields are
// scalars. Nothing of ours has groups.
Parsed ParseBounded(grpc::ByteBuffer& bytes, int most_fields, google::protobuf::Message& message);

// Whether it has at most `most` fields, those of its messages at all depths counted with its own.
// False of what is no message, too.
bool HasFewFields(grpc::ByteBuffer& bytes, const google::protobuf::Descriptor& type, int most);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_BOUNDED_MESSAGE_H_
