/* io/base/check.h -- assertions that stay on in release builds.
 *
 * ASSERT(x)      our own invariant; a broken one stops the process (a broker that is unsure of itself must not go on).
 *                Never used on bytes that came from a socket or a disk: those are input, and get an error.
 * ASSERT_SLOW(x) the same for checks too dear for the hot path; compiled in with -DRINGMAIN_SLOW_CHECKS (simulation and
 *                sanitizer builds).
 * UNREACHABLE()  a branch that cannot be taken.
 * MAYBE(x)       documents that x may be true or false here; costs nothing.
 */
#ifndef RINGMAIN_IO_BASE_CHECK_H
#define RINGMAIN_IO_BASE_CHECK_H

#include <stddef.h>

_Noreturn void check_failed(const char *expression, const char *file, int line);

#define ASSERT(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)
#define MAYBE(x) ((void)sizeof(!(x)))

#ifdef RINGMAIN_SLOW_CHECKS
#define ASSERT_SLOW(x) ASSERT(x)
#else
#define ASSERT_SLOW(x) ((void)sizeof(!(x)))
#endif

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }

#endif
