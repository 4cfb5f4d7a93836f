// How often the process has asked for memory with `new`: a program that links this counts. For
// tests of what must allocate nothing.
//
// Thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_ALLOCATION_COUNT_H_
#define SLUICE_TESTS_SUPPORT_ALLOCATION_COUNT_H_

#include <cstddef>

namespace sluice::testing {

size_t AllocationCount();

}  // namespace sluice::testing

#endif  // SLUICE_TESTS_SUPPORT_ALLOCATION_COUNT_H_
