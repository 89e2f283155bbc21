/* net/handlers/endpoints.h -- the address of a broker as a client of one listener is told (KIP-103). */
#ifndef RINGMAIN_NET_HANDLERS_ENDPOINTS_H
#define RINGMAIN_NET_HANDLERS_ENDPOINTS_H

#include "core/meta/image.h"
#include "net/conn/request.h"

/* False: the broker does not have the listener that the request came in on. The text belongs to the image. */
bool endpoint_of(const struct request *request, const struct image_broker *broker, struct slice *host, int32_t *port);

#endif
