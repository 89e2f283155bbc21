/* net/handlers/document.h -- docs/protocol.md, made from the tables of the wire and of the handlers. */
#ifndef RINGMAIN_NET_HANDLERS_DOCUMENT_H
#define RINGMAIN_NET_HANDLERS_DOCUMENT_H

#include "io/base/arena.h"

const char *protocol_document(struct arena *arena); /* NULL: the arena is full */

#endif
