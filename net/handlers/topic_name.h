/* net/handlers/topic_name.h -- the one rule for topic names, checked before a name comes near the file system. */
#ifndef RINGMAIN_NET_HANDLERS_TOPIC_NAME_H
#define RINGMAIN_NET_HANDLERS_TOPIC_NAME_H

#include "io/base/bytes.h"

/* NULL when the name is valid, else why it is not: 1 to 249 of [a-zA-Z0-9._-], not "." or "..". */
const char *topic_name_problem(struct slice name);

#endif
